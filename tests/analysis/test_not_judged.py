"""Texts shown again, and texts that could not be judged, stay out of every test and are counted."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rater.analysis.not_judged import count_not_judged
from rater.analysis.planned import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import NotEstimable, Result
from rater.errors import RaterError
from rater.report.export import to_json

Load = Callable[[str], pd.DataFrame]
CONTRAST = ("steered", "unsteered")


def as_asked(frame: pd.DataFrame) -> pd.DataFrame:
    """Number the trials, none of them a repeat, each judged."""
    return frame.assign(position=frame.groupby("rater").cumcount() + 1, is_repeat=False, cannot_judge=False)


def test_repeats_change_no_result_but_the_retest(load: Load, planned: Planned) -> None:
    once = as_asked(load("a"))
    again = once[once["position"] <= 5].assign(
        position=lambda rows: rows["position"] + 60, is_repeat=True, answer=5.0
    )

    plain = analyze(once, planned)
    repeated = analyze(pd.concat([once, again]), planned)

    assert to_json(repeated).split('"retest"')[0] == to_json(plain).split('"retest"')[0]
    retest = repeated.dimensions[0].details.retest
    assert plain.dimensions[0].details.retest is None
    assert retest is not None
    assert (retest.n_pairs, retest.n_raters) == (60, 12)
    assert retest.same == pytest.approx((once.loc[once["position"] <= 5, "answer"] == 5).mean())


def test_texts_that_cannot_be_judged_are_left_out_and_counted_by_arm(load: Load, planned: Planned) -> None:
    frame = as_asked(load("a"))
    unclear = (frame["arm"] == "steered") & (frame["position"] % 7 == 0)
    frame = frame.assign(cannot_judge=unclear, answer=frame["answer"].where(~unclear))

    (found,) = analyze(frame, planned).dimensions

    assert found.primary == analyze(frame[~unclear], planned).dimensions[0].primary
    assert found.not_judged is not None
    assert found.not_judged.counts == (("steered", int(unclear.sum()), 360), ("unsteered", 0, 360))
    difference = found.not_judged.difference
    assert isinstance(difference, Result)
    assert difference.estimate == pytest.approx(unclear.sum() / 360)


def test_the_difference_of_the_shares_is_a_two_way_t_on_cells() -> None:
    """Two of three raters fail on every first text of both prompts: shares 2/3 and 0."""
    rater, prompt, arm = (axis.ravel() for axis in np.indices((3, 2, 2)))
    frame = pd.DataFrame(
        {
            "rater": rater,
            "prompt": prompt,
            "item": prompt * 2 + arm,
            "arm": np.array(CONTRAST)[arm],
            "dimension": "d",
            "cannot_judge": (arm == 0) & (rater > 0),
        }
    )

    found = count_not_judged(frame, "d", CONTRAST, alpha=0.05)

    assert found is not None
    assert found.n == 4
    assert isinstance(found.difference, Result)
    assert found.difference.estimate == pytest.approx(2 / 3)
    assert found.difference.df == 2
    assert found.difference.standard_error == pytest.approx(np.std([0, 1, 1], ddof=1) / np.sqrt(3))


def test_where_everything_was_judged_there_is_nothing_to_count(load: Load, planned: Planned) -> None:
    assert analyze(as_asked(load("a")), planned).dimensions[0].not_judged is None
    assert analyze(load("a"), planned).dimensions[0].not_judged is None


def test_nothing_judged_in_one_arm_is_a_sentence(load: Load, planned: Planned) -> None:
    frame = as_asked(load("a"))
    unclear = frame["arm"] == "steered"
    frame = frame.assign(cannot_judge=unclear, answer=frame["answer"].where(~unclear))

    (found,) = analyze(frame, planned).dimensions

    assert found.headline == 'Not estimable on happiness, because "steered" has no answers yet.'
    assert found.not_judged is not None
    assert isinstance(found.not_judged.difference, NotEstimable)


@pytest.mark.parametrize("column", ["is_repeat", "cannot_judge"])
def test_a_flag_that_is_neither_true_nor_false_is_refused(load: Load, planned: Planned, column: str) -> None:
    frame = as_asked(load("a")).astype({column: object})
    frame.loc[3, column] = "perhaps"

    with pytest.raises(RaterError, match=rf"{column} is 'perhaps' \(rater r01\); valid: true or false"):
        analyze(frame, planned)
