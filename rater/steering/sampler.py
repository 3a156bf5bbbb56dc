"""Sample completions in batches that mix arms, prompts and samples."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from transformer_lens.model_bridge import TransformerBridge

from rater.steering.batch import Batch
from rater.steering.draw import Sampling
from rater.steering.prefill import check_fits
from rater.steering.rows import Completion, Row

K = TypeVar("K")


def generate(
    model: TransformerBridge,
    rows: Sequence[Row[K]],
    sampling: Sampling,
    *,
    batch_size: int = 64,
    on_tokens: Callable[[int], None] | None = None,
) -> Iterator[Completion[K]]:
    """Make the completion of each row, and yield each as soon as it is finished.

    A prompt under an arm is run through the bridge once, with its additions, and its keys and values are
    copied for its samples (once more for samples that enter the batch later); decoding goes on without hooks
    on the plain model that shares the weights. Once an eighth of the batch has finished, those rows leave it
    together and the next ones take their place.

    A completion depends on its prompt, additions and seed alone, and not on what shares its batch, up to
    float arithmetic: sums run in another order in batches of other shapes, so that logits differ by about
    1e-4, which can tip a choice between tokens that are nearly equally likely.

    Args:
        model: from `load_model`.
        rows: what to make; rows of one prompt and arm best stand together.
        sampling: a study's `Sampling`; temperature 0 takes the likeliest token at each step.
        batch_size: how many rows are decoded together. More are faster and take more memory.
        on_tokens: called after each step with the number of tokens it made, for progress.

    Raises:
        ModelError: before anything is made, where a prompt, its additions and the context do not fit.
    """
    for prompt, vectors in dict.fromkeys((row.prompt, row.vectors) for row in rows):
        check_fits(model, prompt, vectors, max_new_tokens=sampling.max_new_tokens)
    return _run(Batch(model, sampling), deque(rows), batch_size, on_tokens)


def _run(
    batch: Batch[K], waiting: deque[Row[K]], batch_size: int, on_tokens: Callable[[int], None] | None
) -> Iterator[Completion[K]]:
    while waiting or batch.n_unfinished:
        n_new = min(batch_size - batch.n_unfinished, len(waiting))
        # Moving rows copies all keys and values, so it waits until an eighth of the batch gains by it.
        if (n_new + batch.n_finished) * 8 > len(batch):
            batch.replace_finished([waiting.popleft() for _ in range(n_new)])
        n_tokens = batch.n_unfinished
        yield from batch.step()
        if on_tokens is not None:
            on_tokens(n_tokens)
