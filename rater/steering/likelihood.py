"""Measure how likely texts are to a model, steered or not: negative log-likelihood per token."""

from collections.abc import Sequence

from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import tokenize
from rater.steering.prefill import check_fits, run_rows
from rater.steering.vectors import SteeringVector

_BATCH = 8  # the logits of 8 rows of 100 tokens take 150 MB with a vocabulary of 49,152


def completion_nlls(
    model: TransformerBridge,
    completions: Sequence[tuple[str, Sequence[int]]],
    vectors: Sequence[SteeringVector] = (),
) -> list[float]:
    """Give the mean negative log-likelihood of each completion's tokens after its prompt, in nats per token.

    The prompt's own tokens do not count, and additions to the prompt stay with the prompt. A forward pass
    for 8 completions.

    Args:
        model: the bridge.
        completions: prompts, and the token ids that follow them (the one that ended the text included).
        vectors: how the model is steered; none for the unsteered model.

    Raises:
        ModelError: a completion is empty, or prompt, completion, additions and context do not fit.
    """
    nlls: list[float] = []
    for start in range(0, len(completions), _BATCH):
        nlls += _nlls(model, completions[start : start + _BATCH], vectors)
    return nlls


def text_nll(
    model: TransformerBridge, prompt: str, text: str, vectors: Sequence[SteeringVector] = ()
) -> float:
    """Give the mean negative log-likelihood of a text's tokens after a prompt, in nats per token.

    Raises:
        ModelError: as `completion_nlls`.
    """
    return completion_nlls(model, [(prompt, tokenize(model, text)[1:])], vectors)[0]


def _nlls(
    model: TransformerBridge,
    completions: Sequence[tuple[str, Sequence[int]]],
    vectors: Sequence[SteeringVector],
) -> list[float]:
    for prompt, new in completions:
        if not new:
            msg = f"The completion of {prompt!r} has no tokens, so it has no likelihood; valid: one or more."
            raise ModelError(msg)
        prompt_vectors = [vector for vector in vectors if vector.when == "prompt"]
        check_fits(model, prompt, prompt_vectors, max_new_tokens=len(new))
    prompts = [tokenize(model, prompt) for prompt, _ in completions]
    rows = [[*prompt, *new] for prompt, (_, new) in zip(prompts, completions, strict=True)]
    longest = max(len(new) for _, new in completions)
    logits = run_rows(
        model,
        rows,
        [vectors for _ in rows],
        prompt_lengths=[len(prompt) for prompt in prompts],
        n_last=longest + 1,
    )
    nlls = []
    for row, (_, new) in zip(logits, completions, strict=True):
        # Rows end in the last column, and what is drawn in a column comes from the one before it.
        logprobs = row[-len(new) - 1 : -1].log_softmax(-1)  # [new, d_vocab]
        nlls.append(-logprobs[range(len(new)), list(new)].mean().item())
    return nlls
