"""Steer every forward pass of a bridge within a `with` block.

Additions have positions in a sequence, but a pass may be padded, or be one step of many with a cache. So the
tokens of a pass are located in their sequences first, and the pass is refused if that is impossible.
"""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import is_being_read
from rater.steering.additions import resolve
from rater.steering.bridge import model_name, stop_tokens
from rater.steering.positions import Touch, Window, adders, require_fit, require_reached, shift, touches
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition

# The number of open `steer` blocks by model.
_N_OPEN: "weakref.WeakKeyDictionary[nn.Module, int]" = weakref.WeakKeyDictionary()


class _Sequences:
    """The sequences that forward passes run through, from BOS and through cached steps.

    The vectors determine what must be known: the end of the prompt for positions relative to it ("mid",
    "back", negative ones) and for "generated"; the end of the text for these and "all".
    """

    def __init__(
        self,
        model: TransformerBridge,
        vectors: Sequence[SteeringVector],
        prompt_lengths: int | Sequence[int] | None,
    ) -> None:
        self._model, self._given = model, prompt_lengths
        self._needs_prompt_end = any(_depends_on_prompt_end(vector) for vector in vectors)
        self._needs_text_end = self._needs_prompt_end or any(vector.when == "all" for vector in vectors)
        self._tokens: Int[Tensor, "row pos"] = torch.empty(0, 0, dtype=torch.long)
        self._real: Bool[Tensor, "row pos"] = torch.empty(0, 0, dtype=torch.bool)
        self._prompt_lengths: tuple[int, ...] = ()
        self._cache: weakref.ref[Any] | None = None

    def enter(self, tokens: object, mask: object, cache: Any) -> Window:
        """Return the window of a pass.

        Args:
            tokens: Its token ids, [row, col].
            mask: Its attention mask over cached and new columns, or None.
            cache: The keys and values of earlier columns, or None.

        Raises:
            ModelError: the positions cannot be known; the message states what would make them known.
        """
        if not isinstance(tokens, Tensor) or tokens.is_floating_point():
            self._refuse("the model is given no token ids, so their count is not known", "give it token ids")
        n_past = 0 if cache is None else int(cache.get_seq_length())
        is_known = n_past > 0 and self._cache is not None and self._cache() is cache
        real = self._find_real(tokens, mask, n_past, is_known=is_known)
        if n_past == 0:
            self._require_bos(tokens, real)
        self._prompt_lengths = self._find_prompt_lengths(tokens, real, n_past, is_known=is_known)
        self._real = real
        if n_past == 0:
            self._tokens = tokens
        return Window.of_mask(real, tokens.shape[1], self._prompt_lengths)

    def leave(self, cache: object) -> None:
        """Remember the cache that a pass filled, to recognise passes that continue it."""
        self._cache = None if cache is None else weakref.ref(cache)

    def _find_real(
        self, tokens: Tensor, mask: object, n_past: int, *, is_known: bool
    ) -> Bool[Tensor, "row pos"]:
        shape = (tokens.shape[0], n_past + tokens.shape[1])
        if isinstance(mask, Tensor):
            if mask.shape != shape:
                self._refuse(
                    f"the attention mask has the shape {tuple(mask.shape)}",
                    f"give one of [batch, cached and new tokens] = {shape}",
                )
            return mask.to(tokens.device).bool()  # as transformers moves it
        if n_past == 0:
            return self._real_by_pad_tokens(tokens)
        if is_known and self._real.shape == (shape[0], n_past):
            return torch.cat([self._real, torch.ones_like(tokens, dtype=torch.bool)], dim=1)
        return self._refuse(
            f"it continues {n_past} cached tokens that were not seen here", "give an attention mask"
        )

    def _real_by_pad_tokens(self, tokens: Tensor) -> Bool[Tensor, "row pos"]:
        tokenizer = self._model.tokenizer
        pad, bos = tokenizer.pad_token_id, tokenizer.bos_token_id
        real = torch.ones_like(tokens, dtype=torch.bool)
        if pad is None:
            return real
        is_pad = tokens == pad
        for row in range(len(tokens)):
            n_left = int(is_pad[row].long().cumprod(0).sum())
            n_right = int(is_pad[row].flip(0).long().cumprod(0).sum()) if n_left < len(is_pad[row]) else 0
            if n_right and self._needs_text_end and pad in {bos, *stop_tokens(self._model)}:
                self._refuse(
                    f"row {row} ends with {n_right} tokens {pad}, which may be padding or its own end",
                    "give an attention mask",
                )
            # If BOS is also the pad token, the last of a leading run is BOS itself.
            real[row, : n_left - (pad == bos)] = False
            real[row, len(real[row]) - n_right :] = False
        return real

    def _require_bos(self, tokens: Tensor, real: Tensor) -> None:
        bos = self._model.tokenizer.bos_token_id
        first = real.int().argmax(-1, keepdim=True)  # [row, 1]
        for row, token in enumerate(tokens.gather(1, first)[:, 0].tolist()):
            if token != bos:
                self._refuse(
                    f"row {row} begins with token {token}, but positions are counted from BOS ({bos})",
                    "put it first, and mask padding before it",
                )

    def _find_prompt_lengths(
        self, tokens: Tensor, real: Tensor, n_past: int, *, is_known: bool
    ) -> tuple[int, ...]:
        if self._given is not None:
            n_rows = len(tokens)
            given = [self._given] * n_rows if isinstance(self._given, int) else list(self._given)
            if len(given) != n_rows:
                self._refuse(
                    f"it has {n_rows} rows, but prompt_lengths {len(given)}", "give one for each row"
                )
            return tuple(given)
        if is_known:
            return self._prompt_lengths
        if self._needs_prompt_end and n_past:
            self._refuse("its prompt was not seen here, so its end is not known", "give prompt_lengths")
        previous = self._tokens.shape[1]
        is_longer = 0 < previous < tokens.shape[1] and len(self._tokens) == len(tokens)
        if self._needs_prompt_end and is_longer and torch.equal(tokens[:, :previous], self._tokens):
            self._refuse(
                "it begins with all tokens of the previous pass, so that it may be a new prompt or "
                "that prompt with generated tokens",
                "generate with the KV cache, or give prompt_lengths",
            )
        return tuple(int(n) for n in real.sum(-1))

    def _refuse(self, why: str, cure: str) -> NoReturn:
        msg = f"A pass through {model_name(self._model)} cannot be steered: {why}. To steer it, {cure}."
        raise ModelError(msg)


def _depends_on_prompt_end(vector: SteeringVector) -> bool:
    if isinstance(vector.position, str):
        return vector.when == "generated" or vector.position != "front"
    return min(vector.position) < 0


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
    passes = _Passes(model, steering, _Sequences(model, steering.vectors, prompt_lengths), trace=trace)
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
        self, model: TransformerBridge, steering: Steering, sequences: _Sequences, *, trace: bool
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
