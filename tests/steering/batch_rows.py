"""Rows of a batch for tests of decoding."""

from rater.steering.additions import SteeringVector
from rater.steering.batch import Completion, Row, completion_seed

PROMPTS = (
    "I hate you because",
    "When I woke up this morning and looked out of the window, I",
    "The capital of France is Paris.<|im_end|>\n<|im_start|>assistant\nYes, that is right",
)


def rows_of(vectors: tuple[SteeringVector, ...], n_samples: int = 2) -> list[Row[tuple[str, str, int]]]:
    return [
        Row((arm, prompt, sample), prompt, added, completion_seed(0, prompt, sample))
        for arm, added in (("unsteered", ()), ("steered", vectors))
        for prompt in PROMPTS
        for sample in range(n_samples)
    ]


def by_key(
    completions: list[Completion[tuple[str, str, int]]],
) -> dict[tuple[str, str, int], Completion[tuple[str, str, int]]]:
    assert len({completion.key for completion in completions}) == len(completions)
    return {completion.key: completion for completion in completions}
