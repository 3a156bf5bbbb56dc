"""Steer every forward pass of a bridge within a `with` block."""

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import is_being_read
from rater.steering.additions import resolve
from rater.steering.bridge import model_name
from rater.steering.positions import Touch, Window, adders, require_fit, require_reached, shift, touches
from rater.steering.sequences import Sequences
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition

# The number of open `steer` blocks by model.
_N_OPEN: "weakref.WeakKeyDictionary[nn.Module, int]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Steering:
    """The state of a `steer` block."""

    vectors: tuple[SteeringVector, ...]
    """The vectors that are added."""
    touched: list[Touch] = field(default_factory=list)
    """With ``trace=True``: the tokens that were changed, pass by pass; rows are those of the pass."""


@contextmanager
def steer(
    model: TransformerBridge,
    additions: Sequence[AnyAddition | SteeringVector],
    *,
    prompt_lengths: int | Sequence[int] | None = None,
    trace: bool = False,
) -> Iterator[Steering]:
    """Add vectors to the residual stream in every forward pass of the bridge inside the block.

    All rows of a batch are steered alike. Positions count a row's real tokens from BOS. Padding is known from
    the attention mask or, without one, from pad tokens; cached steps continue from the length of the cache. A
    pass whose positions cannot be known is refused, never steered wrongly. Blocks may be nested. Passes that
    read an addition or a norm are not steered. `generate` and the functions of likelihood are refused inside
    a block, since they take additions of their own.

    Args:
        model: The bridge; the plain model that shares its weights is not steered.
        additions: The additions.
        prompt_lengths: Number of tokens, including BOS, that are prompt in each row, or in all rows; None for
            all tokens of a pass without a cache.
        trace: Whether to list the tokens that were changed.

    Yields:
        The vectors, and the tokens that they changed.

    Raises:
        ModelError: an addition does not fit the model or a prompt, or changed no token by the end of the
            block; or the positions of a pass cannot be known.
    """
    steering = Steering(resolve(model, additions))
    passes = _Passes(model, steering, Sequences(model, steering.vectors, prompt_lengths), trace=trace)
    hook_points = dict.fromkeys(vector.hook_point for vector in steering.vectors)
    hooks = adders(hook_points, passes.shifts, passes.fired)
    core = model.original_model
    handles = [
        core.register_forward_pre_hook(passes.begin, with_kwargs=True),
        core.register_forward_hook(passes.end),
    ]
    _N_OPEN[model] = _N_OPEN.get(model, 0) + 1
    try:
        with model.hooks(fwd_hooks=hooks):
            yield steering
    finally:
        _N_OPEN[model] -= 1
        for handle in handles:
            handle.remove()
        passes.settle()
    passes.require_touched()


def require_no_block(model: TransformerBridge, function: str) -> None:
    """Refuse to run a function inside a `steer` block, which does not reach the plain model that it uses.

    Raises:
        ModelError: a block is open on the model.
    """
    if _N_OPEN.get(model):
        msg = (
            f"{function} was requested inside a steer block, which does not reach everything that it runs; "
            "request it outside of the block, and pass the additions as arms or vectors."
        )
        raise ModelError(msg)


class _Passes:
    """Sets before each forward pass what is added in it, and records after it what was."""

    def __init__(
        self, model: TransformerBridge, steering: Steering, sequences: Sequences, *, trace: bool
    ) -> None:
        self._model, self._steering, self._sequences, self._trace = model, steering, sequences, trace
        self._idle = dict.fromkeys(range(len(steering.vectors)))
        self._window: Window | None = None
        self.shifts: dict[str, Tensor] = {}
        self.fired: set[str] = set()

    def begin(self, module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG002 (torch's signature)
        self.settle()
        if is_being_read(self._model):
            return
        tokens = kwargs.get("input_ids", args[0] if args else None)
        cache = kwargs.get("past_key_values")
        is_first = cache is None or cache.get_seq_length() == 0
        window = self._sequences.enter(tokens, kwargs.get("attention_mask"), cache)
        if is_first:
            for row, length in enumerate(window.prompt_lengths):
                for vector in self._steering.vectors:
                    require_fit(vector, length, f"The prompt in row {row}")
        self._window = window
        self.shifts.update(shift(self._by_row(window), window))

    def end(self, module: object, args: object, output: object) -> None:  # noqa: ARG002 (torch's signature)
        if self._window is None:
            return
        require_reached(self._model, self.shifts.keys() - self.fired)
        self._sequences.leave(getattr(output, "past_key_values", None))
        self.settle()

    def settle(self) -> None:
        """Record what the last pass changed; it may have ended early, by ``stop_at_layer`` or an error."""
        window, fired = self._window, set(self.fired)
        self._window = None
        self.shifts.clear()
        self.fired.clear()
        if window is None:
            return
        for index in list(self._idle):
            vector = self._steering.vectors[index]
            if vector.hook_point in fired and touches([[vector] for _ in window.prompt_lengths], window):
                del self._idle[index]
        if self._trace:
            changed = touches(self._by_row(window), window)
            self._steering.touched.extend(touch for touch in changed if touch.hook_point in fired)

    def require_touched(self) -> None:
        for index in self._idle:
            vector = self._steering.vectors[index]
            msg = (
                f"An addition at {vector.hook_point!r} (when={vector.when!r}) touched no token of "
                f"{model_name(self._model)}. Run the bridge itself inside the block: through a prompt for "
                "when='prompt', and beyond it for when='generated'."
            )
            raise ModelError(msg)

    def _by_row(self, window: Window) -> list[tuple[SteeringVector, ...]]:
        return [self._steering.vectors for _ in window.prompt_lengths]
