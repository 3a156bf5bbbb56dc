"""Sample completions in batches that mix arms, prompts and samples."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from transformer_lens.model_bridge import TransformerBridge

from rater.steering.batch import Batch, Completion, Row
from rater.steering.bridge import is_out_of_memory, no_memory
from rater.steering.draw import SamplingParameters
from rater.steering.prefill import check_fits

K = TypeVar("K")

_LOG = logging.getLogger(__name__)


def generate(
    model: TransformerBridge,
    rows: Sequence[Row[K]],
    sampling: SamplingParameters,
    *,
    batch_size: int = 128,
    measure: bool = False,
    on_tokens: Callable[[int], None] | None = None,
) -> Iterator[Completion[K]]:
    """Generate the completion of each row, and yield each as soon as it is finished.

    A prompt under an arm is run through the bridge once, with its additions, and its keys and values are
    copied for its samples (again for samples that enter the batch later). Decoding continues without hooks on
    the plain model that shares the weights, or through the bridge while a row of the batch is steered at
    generated tokens too. When an eighth of the batch has finished, those rows leave together and the next
    ones replace them. If memory runs out, the rows of the batch start again in batches of half the size.

    A completion depends only on its prompt, additions and seed, and not on the batch, up to floating-point
    arithmetic: batches of other shapes sum in another order, so that logits differ by about 1e-4, which can
    change the choice between tokens that are almost equally likely.

    Args:
        model: A model from `load_model`.
        rows: The completions to generate; rows of one prompt and arm should be adjacent.
        sampling: A study's `Sampling`; temperature 0 is greedy decoding.
        batch_size: Number of rows that are decoded together. Larger is faster and takes more memory.
        measure: Whether to compute the NLL of rows without additions from the logits they are drawn from;
            that of other rows under the unsteered model costs a forward pass (`completion_nlls`).
        on_tokens: Called after each step with the number of its tokens, for progress. Tokens of rows that had
            to start again count again.

    Raises:
        ModelError: a prompt, its additions and the context do not fit each other, before anything is
            generated; or memory does not suffice for a single row.
    """
    places = {(row.prompt, row.vectors): row.place for row in rows}
    for (prompt, vectors), place in places.items():
        check_fits(model, prompt, vectors, max_new_tokens=sampling.max_new_tokens, place=place)
    return _run(lambda: Batch(model, sampling, measure=measure), deque(rows), batch_size, on_tokens)


def _run(
    new_batch: Callable[[], Batch[K]],
    waiting: deque[Row[K]],
    batch_size: int,
    on_tokens: Callable[[int], None] | None,
) -> Iterator[Completion[K]]:
    while waiting:
        batch = new_batch()
        try:
            yield from _decode(batch, waiting, batch_size, on_tokens)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if len(batch) <= 1:
                raise no_memory("decode even one row") from error
            batch_size = len(batch) // 2
            _LOG.warning("Out of memory with %d rows together; continuing with %d.", len(batch), batch_size)
        # After the handler, where the error no longer keeps memory allocated. A row that starts again gives
        # the same completion, since it does not depend on the batch.
        waiting.extendleft(reversed(batch.unfinished_rows))


def _decode(
    batch: Batch[K], waiting: deque[Row[K]], batch_size: int, on_tokens: Callable[[int], None] | None
) -> Iterator[Completion[K]]:
    while waiting or batch.n_unfinished:
        n_new = min(batch_size - batch.n_unfinished, len(waiting))
        # Moving rows copies all keys and values, so rows are replaced when an eighth of the batch has
        # finished.
        if (n_new + batch.n_finished) * 8 > len(batch):
            batch.replace_finished([waiting.popleft() for _ in range(n_new)])
        n_tokens = batch.n_unfinished
        yield from batch.draw()
        if on_tokens is not None:
            on_tokens(n_tokens)
        if batch.n_unfinished:
            batch.decode()
