"""The effect of additions on each token of a text, and their comparison with prompting."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.additions import resolve
from rater.steering.bridge import tokenize
from rater.steering.context import require_no_block
from rater.steering.effects import Focus, entropy, focus, kl_divergence
from rater.steering.pairs import space_token, x_vector_tokens
from rater.steering.positions import Window, touches
from rater.steering.prefill import check_length, run_rows
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition, XVector, hook_name

_NOTHING_ALIGNED: Mapping[int, Collection[int]] = MappingProxyType({})


@dataclass(frozen=True)
class TokenEffect:
    """The effect of additions at one token of a text: on the token after it, and on its own likelihood."""

    position: int
    """Position in the text; BOS is 0. Tokens of spaces or of a prompt that were put in are not counted."""
    token: str
    """The token as text."""
    is_touched: bool
    """True where something was added at this token."""
    kl: float
    """KL divergence of the steered distribution of the next token from the unsteered one, in nats."""
    entropy_unsteered: float
    """Entropy of the unsteered distribution of the next token, in nats."""
    entropy_steered: float
    """Entropy of the steered distribution of the next token, in nats."""
    logprob_unsteered: float | None
    """Natural-log probability of this token itself without steering; None for BOS, which is not predicted."""
    logprob_steered: float | None
    """Natural-log probability of this token itself with steering; None for BOS."""
    focus: Focus | None
    """Effectiveness and disruption for the tokens that were named for this position; None without any."""


def token_effects(
    model: TransformerBridge,
    text: str,
    additions: Sequence[AnyAddition | SteeringVector],
    *,
    aligned: Mapping[int, Collection[int]] = _NOTHING_ALIGNED,
    spaced: bool = False,
) -> list[TokenEffect]:
    """Compare the next token's distribution with and without additions at each token of a text.

    The text is the prompt that additions are made to. Costs two forward passes; both keep the logits of
    all tokens, 4 bytes for each token of the text and of the vocabulary.

    Args:
        model: The bridge.
        text: The text.
        additions: The additions.
        aligned: For some positions, the token ids that steering should make likelier as the next token.
        spaced: Whether space tokens are put between BOS and the text, in both passes, as many as the longest
            addition needs to end before the text. They are left out of the result.

    Returns:
        One for each token, BOS first.

    Raises:
        ModelError: the text, additions and model do not fit each other; a position that is aligned does not
            exist; or ``spaced`` is requested for additions that are not at the front of the prompt.
    """
    vectors = resolve(model, additions)
    ids = tokenize(model, text)
    spaces = [space_token(model, "spaced")] * (spaces_needed(vectors) if spaced else 0)
    row = [*ids[:1], *spaces, *ids[1:]]
    return _compare(model, row, row, vectors, aligned=aligned, n_left_out=len(spaces))


def compare_with_prompting(  # noqa: PLR0917 (llm-steering's signature)
    model: TransformerBridge,
    text: str,
    phrases: tuple[str, str],
    coeff: float,
    act_names: Sequence[int | str],
    pos: int | None = None,
) -> dict[str, list[TokenEffect]]:
    """Compare the effect of an x-vector at several hook points with that of its first phrase as a prompt.

    The first phrase is put between BOS and the text as the prompt; the x-vector of both phrases is added to
    as many space tokens there. Both are compared with the text after the space tokens, which are left out of
    the result. With coefficient 1 and an empty second phrase, adding the vector at layer 0 is prompting.

    Args:
        model: The bridge.
        text: The text.
        phrases: The phrase that is added, and the one that is subtracted.
        coeff: The coefficient of the x-vector.
        act_names: Hook points, or layer numbers n for ``blocks.n.hook_resid_pre``.
        pos: The position in the text that is returned; None for all.

    Returns:
        The effects at each token by "prompted", "layer 0" and so on; a hook point has its own name.

    Raises:
        ModelError: a hook point does not exist, or the text does not fit the model.
    """
    ids = tokenize(model, text)
    added, _ = x_vector_tokens(model, XVector(*phrases, coeff=coeff, at=0), "phrases")
    spaces = [space_token(model, "phrases")] * (len(added) - 1)
    spaced = [*ids[:1], *spaces, *ids[1:]]
    chosen = {"prompted": _compare(model, [*added, *ids[1:]], spaced, (), n_left_out=len(spaces))}
    for act_name in act_names:
        addition = XVector(*phrases, coeff=coeff, at=act_name)
        name = f"layer {addition.at}" if isinstance(addition.at, int) else hook_name(addition.at)
        vectors = resolve(model, [addition], place="act_names")
        chosen[name] = _compare(model, spaced, spaced, vectors, n_left_out=len(spaces))
    if pos is None:
        return chosen
    if not -len(ids) <= pos < len(ids):
        msg = f"pos is {pos}; valid: a position of the text, from 0 (BOS) to {len(ids) - 1}, or None."
        raise ModelError(msg)
    return {name: [effects[pos]] for name, effects in chosen.items()}


def spaces_needed(vectors: Sequence[SteeringVector]) -> int:
    """Return how many tokens between BOS and a text let additions at the front end before the text.

    Raises:
        ModelError: an addition is not at the front of the prompt, so that no space keeps it off the text.
    """
    for vector in vectors:
        if (vector.when, vector.position) != ("prompt", "front"):
            msg = (
                f"spaced is True, but an addition at {vector.hook_point!r} has position={vector.position!r} "
                f"and when={vector.when!r}; valid: additions at the front of the prompt, or spaced=False."
            )
            raise ModelError(msg)
    return max((len(vector) - 1 for vector in vectors), default=0)


@torch.no_grad()
def _compare(
    model: TransformerBridge,
    steered_row: Sequence[int],
    unsteered_row: Sequence[int],
    vectors: Sequence[SteeringVector],
    *,
    aligned: Mapping[int, Collection[int]] = _NOTHING_ALIGNED,
    n_left_out: int,
) -> list[TokenEffect]:
    """Compare two rows of one length, whose columns after BOS are left out as far as they are not text."""
    require_no_block(model, "The effect on tokens")
    n = len(steered_row)
    check_length(model, n, vectors, place="The text")
    columns = [0, *range(1 + n_left_out, n)]
    _check_aligned(aligned, len(columns))
    steered = run_rows(model, [steered_row], [vectors], n_last=n)[0].log_softmax(-1)
    unsteered = run_rows(model, [unsteered_row], [()], n_last=n)[0].log_softmax(-1)
    touched = {touch.position for touch in touches([vectors], Window(torch.arange(n)[None], (n,)))}
    effects = []
    for position, column in enumerate(columns):
        p, q, meant = steered[column], unsteered[column], aligned.get(position, ())
        effects.append(
            TokenEffect(
                position=position,
                token=str(model.tokenizer.decode([steered_row[column]])),
                is_touched=column in touched,
                kl=kl_divergence(p, q),
                entropy_unsteered=entropy(q),
                entropy_steered=entropy(p),
                logprob_unsteered=_own_logprob(unsteered, unsteered_row, column),
                logprob_steered=_own_logprob(steered, steered_row, column),
                focus=focus(q, p, meant) if len(meant) else None,
            )
        )
    return effects


def _own_logprob(logprobs: Float[Tensor, "pos d_vocab"], row: Sequence[int], column: int) -> float | None:
    return logprobs[column - 1, row[column]].item() if column else None


def _check_aligned(aligned: Mapping[int, Collection[int]], n: int) -> None:
    for position in aligned:
        if position not in range(n):
            msg = f"aligned has the position {position}; valid: those of the text, from 0 (BOS) to {n - 1}."
            raise ModelError(msg)
