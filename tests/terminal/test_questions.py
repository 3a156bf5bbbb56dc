from collections.abc import Callable

import pytest

from rater.store.rating.frame import AnswerRow
from rater.study.protocol import Dimension, Protocol
from rater.study.scales import Likert
from tests.terminal.conftest import Publish, Rate


def _values(rows: list[AnswerRow]) -> list[tuple[int, float | None]]:
    return [(row.position, row.answer) for row in rows]


@pytest.mark.parametrize("pressed", ["0", "6", "x", "", "33", "-1", "٣", "9" * 5_000])
def test_another_key_is_no_answer(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]], pressed: str
) -> None:
    publish_study()

    printed = rate("y", "", pressed)

    assert "Press 1–5 to answer · u back · q quit." in printed
    assert answers() == []


def test_a_scale_of_more_than_nine_points_is_answered_by_typing_the_number(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Callable[[], list[AnswerRow]]
) -> None:
    wide = Dimension(name="joy", question="How joyful?", scale=Likert(points=11, low="not", high="very"))
    publish_study(shown=protocol.model_copy(update={"dimensions": (wide,)}))

    printed = rate("y", "", "11", "10", "1", "")

    assert _values(answers()) == [(1, 11), (2, 10), (3, 1)]
    assert "1–11 and Enter to answer" in printed
