from dataclasses import replace

import pandas as pd
import pytest

from rater.analysis.notes import take_notes
from rater.analysis.plan import Planned
from rater.analysis.plan import PlannedContrast as Contrast

FRAME = pd.DataFrame({"rater": ["ada", "ben"], "arm": ["steered", "unsteered"]})


def messages(planned: Planned, *, n_raters: int = 12, n_left_out: int = 0) -> list[str]:
    notes = take_notes(planned, FRAME, n_raters=n_raters, n_left_out=n_left_out)
    return [note.message for note in notes]


def test_a_complete_analysis_of_one_dimension_has_no_notes(planned: Planned) -> None:
    assert messages(replace(planned, n_raters=12)) == []


@pytest.mark.parametrize(
    ("n_raters", "n_left_out", "words", "weight"),
    [
        (11, 0, "11 of 12 planned raters have answered: the planned sample size was not reached", "fault"),
        (10, 2, "12 of 12 planned raters have answered, and 2 of them are excluded", "information"),
    ],
)
def test_missing_raters_are_a_fault_and_excluded_ones_are_information(
    planned: Planned, n_raters: int, n_left_out: int, words: str, weight: str
) -> None:
    (note,) = take_notes(replace(planned, n_raters=12), FRAME, n_raters=n_raters, n_left_out=n_left_out)

    assert note.message.startswith(words)
    assert (note.weight, note.topic) == (weight, "sample")


def test_an_arm_of_the_plan_without_answers_is_named(planned: Planned) -> None:
    further = replace(planned, contrasts=(Contrast("weak", "weak", "unsteered", "doses"),))

    assert messages(further) == [
        "the plan names the arm “weak”, which has no answers; arms with answers: steered, unsteered"
    ]
