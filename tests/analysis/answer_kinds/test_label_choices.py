from collections.abc import Callable

import pandas as pd

from rater.analysis.answer_kinds.label_choices import KIND
from rater.analysis.answer_scale import as_scored
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.study.scales import Choose, StudyScale
from tests.analysis.answer_kinds.conftest import ARMS, LABELS, dimension

SCALE = Choose(options=LABELS)
JUDGED = as_scored(dimension(SCALE))


def test_agreement_is_about_the_labels_chosen(frame_of: Callable[[StudyScale], pd.DataFrame]) -> None:
    frame = frame_of(SCALE)

    codes = KIND.as_agreed(frame, JUDGED)["answer"]

    assert codes[frame["chosen"] == "love"].eq(1).all()
    assert codes[frame["chosen"] == "anger"].eq(2).all()


def test_answers_are_tabulated_as_a_count_and_a_proportion(
    frame_of: Callable[[StudyScale], pd.DataFrame],
) -> None:
    frame = frame_of(SCALE)
    n_correct = int(frame.loc[frame["arm"] == "steered", "answer"].sum())

    steered = KIND.describe_arms(frame, JUDGED, ARMS)[0]

    assert KIND.head_arms(is_short=True) == ("n", "target chosen", "proportion")
    assert KIND.tabulate_arm(steered) == ("36", str(n_correct), f"{n_correct / 36:.2f}")


def test_the_details_have_the_confusion_matrix_and_no_spread(
    frame_of: Callable[[StudyScale], pd.DataFrame],
) -> None:
    planned = Planned(contrast=ARMS, dimensions=(JUDGED,), primary="happiness")

    details = analyze(frame_of(SCALE), planned).dimensions[0].details

    assert details.choices is not None
    assert details.spread is None
    assert details.groups is None
    assert details.odd_one_out is None
