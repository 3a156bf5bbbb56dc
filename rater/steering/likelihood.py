"""Negative log-likelihood of texts under a model, steered or unsteered."""

# ruff: noqa: F722 (jaxtyping writes shapes as strings, which ruff takes for forward references)

from collections.abc import Callable, Sequence
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
from rater.steering.prefill import check_fits, run_rows
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition

# Logits held in memory at once: 160 MB, enough for 20 completions of 40 tokens with a vocabulary of 49,152.
_MAX_LOGITS = 40_000_000


class _Text(NamedTuple):
    """A prompt and its completion as tokens, with its index among the texts to be measured."""

    at: int
    prompt: list[int]
    new: list[int]

    @property
    def n_tokens(self) -> int:
        return len(self.prompt) + len(self.new)


@torch.no_grad()
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
        completions: Prompts and the token ids after them, including the one that ended the text. An empty
            prompt is BOS alone.
        additions: The additions; none for the unsteered model.

    Raises:
        ModelError: a completion is empty; prompt, completion, additions and context do not fit each other;
            memory does not suffice for a single one; or a `steer` block is open on the model.
    """
    require_no_block(model, "The likelihood of a text")
    vectors = resolve(model, additions)
    texts = [
        _Text(index, _checked(model, prompt, new, vectors), list(new))
        for index, (prompt, new) in enumerate(completions)
    ]
    # The longest first: rows of similar lengths are together, and a lack of memory shows at once.
    waiting = sorted(texts, key=lambda text: text.n_tokens, reverse=True)
    run = _runner(model, vectors)
    nlls: dict[int, float] = {}
    most_together = len(texts)
    while waiting:
        together = waiting[: min(most_together, _n_that_fit(model, waiting))]
        try:
            measured = _nlls(run(together), together)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(together) == 1:
                cure = "a smaller batch size, fewer new tokens, a smaller model or another device"
                raise no_memory("measure even one completion", cure) from error
            most_together = len(together) // 2
        else:
            nlls |= measured
            waiting = waiting[len(together) :]
    return [nlls[index] for index in range(len(texts))]


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

    With an empty prompt, this is how likely the text is by itself: each token is predicted from BOS on.

    Raises:
        ModelError: as `completion_nlls`.
    """
    return completion_nlls(model, [(prompt, tokenize(model, text)[1:])], additions)[0]


def _checked(
    model: TransformerBridge, prompt: str, new: Sequence[int], vectors: Sequence[SteeringVector]
) -> list[int]:
    """Return the prompt's tokens, after checking that it and its completion can be measured."""
    if not new:
        msg = f"The completion of {prompt!r} has no tokens, so it has no likelihood; valid: one or more."
        raise ModelError(msg)
    prompt_vectors = [vector for vector in vectors if vector.when == "prompt"]
    check_fits(model, prompt, prompt_vectors, max_new_tokens=len(new), may_be_empty=True)
    return tokenize(model, prompt)


def _n_that_fit(model: TransformerBridge, waiting: Sequence[_Text]) -> int:
    """Return how many completions, from the first, have logits that fit into memory together."""
    width = shortest = waiting[0].n_tokens
    for n_before, text in enumerate(waiting):
        shortest = min(shortest, len(text.prompt))
        if n_before and (n_before + 1) * (width - shortest + 1) * model.cfg.d_vocab > _MAX_LOGITS:
            return n_before
    return len(waiting)


def _runner(
    model: TransformerBridge, vectors: Sequence[SteeringVector]
) -> Callable[[Sequence[_Text]], list[Float[Tensor, "new d_vocab"]]]:
    """Return a function from texts, the longest first, to the logits that predict each new token."""
    decoder = None if vectors or is_hooked(model) else fast_decoder(plain_model(model)).module

    def run(together: Sequence[_Text]) -> list[Float[Tensor, "new d_vocab"]]:
        rows = [[*text.prompt, *text.new] for text in together]
        lengths = [len(text.prompt) for text in together]
        if decoder is None:
            n_last = max(len(text.new) for text in together) + 1
            logits = run_rows(model, rows, [vectors] * len(rows), prompt_lengths=lengths, n_last=n_last)
            return [row[-len(text.new) - 1 : -1] for row, text in zip(logits, together, strict=True)]
        # Padded on the right, with any token: tokens do not attend to later ones. On the left, padding would
        # attend to nothing, for which CUDA's kernels return NaN (huggingface/transformers#47651).
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


def _nlls(logits: Sequence[Float[Tensor, "new d_vocab"]], together: Sequence[_Text]) -> dict[int, float]:
    """Return each text's NLL by its index, without a float32 copy of the other texts' logits."""
    return {
        at: F.cross_entropy(own.float(), torch.tensor(new, device=own.device)).item()
        for own, (at, _, new) in zip(logits, together, strict=True)
    }
