"""The canary passes an engine that steers the right rows, and stops any other; the numbers are torch's."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pytest

from rater.errors import ModelError
from rater.generate.engines.canary import Measure, TwoLogprobs, check_canary
from rater.steering.likelihood import continuation, measure_logprobs
from rater.steering.vectors import SteeringVector

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

pytestmark = pytest.mark.model
Rows = Sequence[tuple[SteeringVector, ...]]


@pytest.fixture(scope="module")
def measure(embedded_model: "TransformerBridge") -> Measure:
    """Measures rows with the torch model, each alone."""

    def logprobs(vectors: tuple[SteeringVector, ...]) -> TwoLogprobs:
        case = continuation(embedded_model, "I went up to my friend and said", [1137, 1137], vectors)
        return TwoLogprobs(*measure_logprobs(embedded_model, [case], vectors)[0])

    return lambda rows: [logprobs(row) for row in rows]


def test_an_engine_that_steers_passes(measure: Measure) -> None:
    check_canary(measure, [0, 5, 29], 576)


def ignoring(measure: Measure, rows: Rows) -> Sequence[TwoLogprobs]:
    return measure([() for _ in rows])


def leaking(measure: Measure, rows: Rows) -> Sequence[TwoLogprobs]:
    return measure([max(rows, key=len) for _ in rows])


def only_in_the_prompt(measure: Measure, rows: Rows) -> Sequence[TwoLogprobs]:
    return measure([row if row and row[0].when == "prompt" else () for row in rows])


def too_early(measure: Measure, rows: Rows) -> Sequence[TwoLogprobs]:
    return measure(
        [tuple(SteeringVector(each.hook_point, each.activations, when="all") for each in row) for row in rows]
    )


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (ignoring, "a row with a vector at its prompt did not change"),
        (leaking, "a row without a vector, next to steered ones changed"),
        (only_in_the_prompt, "a row with a vector at generated tokens did not change"),
        (too_early, "the first token of a row that is steered at generated tokens changed"),
    ],
)
def test_an_engine_that_steers_other_rows_or_tokens_is_stopped(
    measure: Measure, wrong: Callable[[Measure, Rows], Sequence[TwoLogprobs]], reason: str
) -> None:
    with pytest.raises(ModelError, match=f"nothing was generated: at layer 5, {reason}"):
        check_canary(lambda rows: wrong(measure, rows), [5], 576)
