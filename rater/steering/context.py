"""Steer whatever is done with a bridge inside a `with` block."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import model_name
from rater.steering.positions import Touch, Window, adder, require_fit, require_reached, shift, touches
from rater.steering.sequences import Sequences
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition


@dataclass(frozen=True)
class Steering:
    """What a `steer` block does."""

    vectors: tuple[SteeringVector, ...]
    touched: list[Touch] = field(default_factory=list)
    """With ``trace=True``: where something was added, pass by pass; a row is one of its pass."""


@contextmanager
def steer(
    model: TransformerBridge,
    additions: Sequence[AnyAddition | SteeringVector],
    *,
    prompt_lengths: int | Sequence[int] | None = None,
    trace: bool = False,
) -> Iterator[Steering]:
    """Add to the residual stream in every forward pass of the bridge inside the block.

    Each row of a batch is steered alike. Positions count its real tokens from BOS: padding is told by the
    attention mask or, where none is given, by pad tokens; cached steps go on counting from what the cache
    holds. A pass of which that cannot be known is refused, never steered wrongly.

    Args:
        model: the bridge; the plain model that shares its weights is not steered.
        additions: what to add.
        prompt_lengths: how many tokens of the rows, BOS included, are prompt (one number for all of them);
            None: all that a pass without cached tokens holds.
        trace: whether to list what was touched.

    Yields:
        The vectors, and what they touched.

    Raises:
        ModelError: an addition does not fit the model or a prompt, or touched no token by the end of the
            block; or it cannot be known where the tokens of a pass stand.
    """
    steering = Steering(resolve(model, additions))
    passes = _Passes(model, steering, Sequences(model, steering.vectors, prompt_lengths), trace=trace)
    hook_points = dict.fromkeys(vector.hook_point for vector in steering.vectors)
    hooks = [(hook_point, adder(hook_point, passes.shifts, passes.fired)) for hook_point in hook_points]
    core = model.original_model
    handles = [
        core.register_forward_pre_hook(passes.begin, with_kwargs=True),
        core.register_forward_hook(passes.end),
    ]
    try:
        with model.hooks(fwd_hooks=hooks):
            yield steering
    finally:
        for handle in handles:
            handle.remove()
    passes.require_touched()


class _Passes:
    """Set before each forward pass what is added in it, and note after it what was."""

    def __init__(
        self, model: TransformerBridge, steering: Steering, sequences: Sequences, *, trace: bool
    ) -> None:
        self._model, self._steering, self._sequences, self._trace = model, steering, sequences, trace
        self._idle = dict.fromkeys(range(len(steering.vectors)))
        self._window: Window | None = None
        self.shifts: dict[str, Tensor] = {}
        self.fired: set[str] = set()

    def begin(self, module: object, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:  # noqa: ARG002 (torch's signature)
        tokens = kwargs.get("input_ids", args[0] if args else None)
        cache = kwargs.get("past_key_values")
        is_first = cache is None or cache.get_seq_length() == 0
        window = self._sequences.enter(tokens, kwargs.get("attention_mask"), cache)
        if is_first:
            for row, length in enumerate(window.prompt_lengths):
                for vector in self._steering.vectors:
                    require_fit(vector, length, f"The prompt in row {row}")
        self._window = window
        self.fired.clear()
        self.shifts.clear()
        self.shifts.update(shift(self._by_row(window), window))

    def end(self, module: object, args: object, output: object) -> None:  # noqa: ARG002 (torch's signature)
        require_reached(self._model, self.shifts.keys() - self.fired)
        self.shifts.clear()
        self._sequences.leave(getattr(output, "past_key_values", None))
        if self._window is None:
            return
        for index in list(self._idle):
            vector = self._steering.vectors[index]
            if touches([[vector] for _ in self._window.prompt_lengths], self._window):
                del self._idle[index]
        if self._trace:
            self._steering.touched.extend(touches(self._by_row(self._window), self._window))

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
