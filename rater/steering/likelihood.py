"""Negative log-likelihood of texts under a model, steered or unsteered."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 (the name PyTorch's own documentation uses)
from jaxtyping import Float
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.activations import is_hooked, last_logits_only
from rater.steering.additions import resolve
from rater.steering.batch import Completion
from rater.steering.bridge import is_out_of_memory, no_memory, plain_model, tokenize
from rater.steering.context import require_no_block
from rater.steering.cpu_decoding import fast_decoder
from rater.steering.positions import Window, touches
from rater.steering.prefill import check_fits, check_length, run_rows
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition

# Logits held in memory at once: 160 MB, enough for 20 completions of 40 tokens with a vocabulary of 49,152.
_MAX_LOGITS = 40_000_000


class Continuation(NamedTuple):
    """A prompt and the tokens after it, of which the likelihood is measured."""

    prompt: list[int]
    new: list[int]
    n_steered: int
    """The number of tokens that additions to the prompt count as prompt."""

    @property
    def n_tokens(self) -> int:
        """The number of all tokens."""
        return len(self.prompt) + len(self.new)

    def untouched(self, vectors: Sequence[SteeringVector]) -> list[bool]:
        """Return for each new token whether nothing is added to the token before it, which predicts it."""
        window = Window(torch.arange(self.n_tokens)[None], (self.n_steered,))
        touched = {touch.position for touch in touches([vectors], window)}
        return [len(self.prompt) - 1 + at not in touched for at in range(len(self.new))]


@dataclass(frozen=True)
class TextLogprobs:
    """A text's tokens with their log-probabilities."""

    token_ids: tuple[int, ...]
    """Token ids of the text, without prompt and BOS."""
    tokens: tuple[str, ...]
    """The tokens as text."""
    logprobs: tuple[float, ...]
    """Natural-log probability of each token, given the prompt and the tokens before it."""
    is_untouched: tuple[bool, ...]
    """True where the token is predicted at a token to which nothing was added."""


def text_logprobs(
    model: TransformerBridge,
    texts: Sequence[str],
    additions: Sequence[AnyAddition | SteeringVector] = (),
    *,
    prompt: str = "",
) -> list[TextLogprobs]:
    """Return the log-probability of each token of some texts, steered or unsteered.

    Texts of similar lengths share a forward pass, as in `completion_nlls`.

    Args:
        model: The bridge.
        texts: The texts.
        additions: The additions. Without a prompt, the text itself is the prompt that they are made to.
        prompt: Text before each of the texts; without one, the first token is predicted from BOS.

    Raises:
        ModelError: as `completion_nlls`.
    """
    vectors = resolve(model, additions)
    chosen = [continuation(model, prompt, tokenize(model, text)[1:], vectors) for text in texts]
    return [
        TextLogprobs(
            tuple(each.new),
            tuple(str(model.tokenizer.decode([token])) for token in each.new),
            tuple(logprobs),
            tuple(each.untouched(vectors)),
        )
        for each, logprobs in zip(chosen, measure_logprobs(model, chosen, vectors), strict=True)
    ]


def completion_nlls(
    model: TransformerBridge,
    completions: Sequence[tuple[str, Sequence[int]]],
    additions: Sequence[AnyAddition | SteeringVector] = (),
) -> list[float]:
    """Return the mean negative log-likelihood of each completion after its prompt, in nats per token.

    The prompt's own tokens do not count; additions to the prompt are made to the prompt only. Completions of
    similar lengths share a forward pass, as many as 160 MB of logits allow, or fewer if memory runs out.
    Without additions the passes use the plain model, which is faster than the bridge. Hooks of one's own, as
    in ``with model.hooks(…)``, are part of the model that measures.

    Args:
        model: The bridge.
        completions: Prompts and the token ids after them, including the one that ended the text. Where the
            prompt is empty, the first token is predicted from BOS, and additions are made to the text itself.
        additions: The additions; none for the unsteered model.

    Raises:
        ModelError: a completion is empty; prompt, completion, additions and context do not fit each other;
            memory does not suffice for a single one; or a `steer` block is open on the model.
    """
    vectors = resolve(model, additions)
    chosen = [continuation(model, prompt, new, vectors) for prompt, new in completions]
    return [-fmean(each) for each in measure_logprobs(model, chosen, vectors)]


@torch.no_grad()
def measure_logprobs(
    model: TransformerBridge, continuations: Sequence[Continuation], vectors: Sequence[SteeringVector]
) -> list[list[float]]:
    """Return the log-probability of each new token, for continuations that were checked.

    Raises:
        ModelError: memory does not suffice for a single one, or a `steer` block is open on the model.
    """
    require_no_block(model, "The likelihood of a text")
    # The longest first: rows of similar lengths are together, and a lack of memory shows at once.
    order = sorted(range(len(continuations)), key=lambda at: continuations[at].n_tokens, reverse=True)
    waiting = [continuations[at] for at in order]
    run = _runner(model, vectors)
    measured: list[list[float]] = []
    most_together = len(waiting)
    while waiting:
        together = waiting[: min(most_together, _n_that_fit(model, waiting))]
        try:
            picked = _pick(run(together), together)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(together) == 1:
                cure = "a smaller batch size, fewer new tokens, a smaller model or another device"
                raise no_memory("measure even one completion", cure) from error
            most_together = len(together) // 2
        else:
            measured += picked
            waiting = waiting[len(together) :]
    by_index = dict(zip(order, measured, strict=True))
    return [by_index[at] for at in range(len(continuations))]


def unsteered_nlls(
    model: TransformerBridge, completions: Sequence[Completion[Any]], prompts: Sequence[str]
) -> list[float]:
    """Return the mean NLL of completions under the unsteered model, in nats per token.

    NLLs that were measured during generation are used where prompts agree; the others cost forward passes, as
    in `completion_nlls`.

    Args:
        model: The bridge.
        completions: Completions of the model.
        prompts: The prompt that each is measured after: the study's own prompt, without an arm's prefix.
    """
    noted = [
        made.nll if made.prompt == prompt else None for made, prompt in zip(completions, prompts, strict=True)
    ]
    lacking = [
        (prompt, made.token_ids)
        for made, prompt, nll in zip(completions, prompts, noted, strict=True)
        if nll is None
    ]
    measured = iter(completion_nlls(model, lacking) if lacking else ())
    return [next(measured) if nll is None else nll for nll in noted]


def text_nll(
    model: TransformerBridge,
    prompt: str,
    text: str,
    additions: Sequence[AnyAddition | SteeringVector] = (),
) -> float:
    """Return the mean negative log-likelihood of a text's tokens after a prompt, in nats per token.

    With an empty prompt, the text is measured by itself, from its first token on, and is itself the prompt
    that additions are made to.

    Raises:
        ModelError: as `completion_nlls`.
    """
    return completion_nlls(model, [(prompt, tokenize(model, text)[1:])], additions)[0]


def choice_logprobs(
    model: TransformerBridge,
    question: str,
    choices: Sequence[str],
    additions: Sequence[AnyAddition | SteeringVector] = (),
) -> list[float]:
    """Return the natural-log probability of each choice as the whole continuation of a question.

    The choice with the highest value is the model's answer. Longer choices are less likely by themselves:
    divide by the numbers of tokens, or give choices of equal lengths. A choice begins with a space where the
    text has one between question and answer.

    Args:
        model: The bridge.
        question: The text before the choices; additions to the prompt are made to it.
        choices: Two choices or more, all different.
        additions: The additions; none for the unsteered model.

    Raises:
        ModelError: there are fewer than two choices, or two equal ones; or as `completion_nlls`.
    """
    listed = [] if isinstance(choices, str) else list(choices)
    if len(listed) < 2 or len(set(listed)) < len(listed):
        msg = f"choices is {choices!r}; valid: a list of two different texts or more."
        raise ModelError(msg)
    vectors = resolve(model, additions) if additions else ()
    chosen = [continuation(model, question, tokenize(model, choice)[1:], vectors) for choice in listed]
    return [sum(each) for each in measure_logprobs(model, chosen, vectors)]


def continuation(
    model: TransformerBridge, prompt: str, new: Sequence[int], vectors: Sequence[SteeringVector]
) -> Continuation:
    """Return a prompt and its completion, after checking that they can be measured.

    Raises:
        ModelError: they cannot, since they do not fit each other, the vectors or the context.
    """
    if not new:
        msg = f"The completion of {prompt!r} has no tokens, so it has no likelihood; valid: one or more."
        raise ModelError(msg)
    if prompt == "":
        check_length(model, 1 + len(new), vectors, place="The text")
        return Continuation(tokenize(model, prompt), list(new), 1 + len(new))
    prompt_vectors = [vector for vector in vectors if vector.when == "prompt"]
    check_fits(model, prompt, prompt_vectors, max_new_tokens=len(new))
    ids = tokenize(model, prompt)
    return Continuation(ids, list(new), len(ids))


def _n_that_fit(model: TransformerBridge, waiting: Sequence[Continuation]) -> int:
    """Return how many completions, from the first, have logits that fit into memory together."""
    width = shortest = waiting[0].n_tokens
    for n_before, text in enumerate(waiting):
        shortest = min(shortest, len(text.prompt))
        if n_before and (n_before + 1) * (width - shortest + 1) * model.cfg.d_vocab > _MAX_LOGITS:
            return n_before
    return len(waiting)


def _runner(
    model: TransformerBridge, vectors: Sequence[SteeringVector]
) -> Callable[[Sequence[Continuation]], list[Float[Tensor, "new d_vocab"]]]:
    """Return a function from texts, the longest first, to the logits that predict each new token."""
    decoder = None if vectors or is_hooked(model) else fast_decoder(plain_model(model)).module

    def run(together: Sequence[Continuation]) -> list[Float[Tensor, "new d_vocab"]]:
        rows = [[*text.prompt, *text.new] for text in together]
        if decoder is None:
            lengths = [text.n_steered for text in together]
            n_last = max(len(text.new) for text in together) + 1
            logits = run_rows(model, rows, [vectors] * len(rows), prompt_lengths=lengths, n_last=n_last)
            return [row[-len(text.new) - 1 : -1] for row, text in zip(logits, together, strict=True)]
        # Padded on the right, with any token: tokens do not attend to later ones. On the left, padding would
        # attend to nothing, for which CUDA's kernels return NaN (huggingface/transformers#47651).
        lengths = [len(text.prompt) for text in together]
        width, first = len(rows[0]), min(lengths) - 1
        padded = torch.tensor([row + row[:1] * (width - len(row)) for row in rows], device=model.cfg.device)
        output = decoder(input_ids=padded, use_cache=False, **last_logits_only(model, width - first))
        logits = output.logits[:, first - width :]  # [row, width - first, d_vocab]
        starts = [length - 1 - first for length in lengths]
        return [
            row[start : start + len(text.new)]
            for row, start, text in zip(logits, starts, together, strict=True)
        ]

    return run


def _pick(
    logits: Sequence[Float[Tensor, "new d_vocab"]], together: Sequence[Continuation]
) -> list[list[float]]:
    """Return the log-probabilities of new tokens, without a float32 copy of the other texts' logits."""
    return [
        (-F.cross_entropy(own.float(), torch.tensor(text.new, device=own.device), reduction="none")).tolist()
        for own, text in zip(logits, together, strict=True)
    ]
