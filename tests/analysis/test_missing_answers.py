"""Texts shown again, and texts that could not be judged, stay out of every test and are counted."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from rater.analysis.missing_answers import MissingAnswers, MissingByArm, find_missing_answers, tipping_delta
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Counts, NotEstimable, Result
from rater.errors import RaterError
from rater.report.export import to_json
from tests.analysis.conftest import HAPPINESS

Load = Callable[[str], pd.DataFrame]
CONTRAST = ("steered", "unsteered")
NO_COUNTS = Counts(raters=0, prompts=0, items=0, answers=0, cells=0)
NO_TEST = NotEstimable(test="x", score="answers", reason="x", n=NO_COUNTS)


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

    one, other = (to_json(each).split('"planned"', 1)[1].split('"retest"')[0] for each in (repeated, plain))
    assert one == other
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
    assert found.missing_answers is not None
    assert found.missing_answers.counts == (
        MissingByArm("steered", 360, int(unclear.sum()), 0),
        MissingByArm("unsteered", 360, 0, 0),
    )
    difference = found.missing_answers.cannot_judge
    assert isinstance(difference, Result)
    assert difference.estimate == pytest.approx(unclear.sum() / 360)


def test_texts_that_a_question_does_not_apply_to_are_counted_apart_from_those_that_cannot_be_judged(
    load: Load, planned: Planned
) -> None:
    frame = as_asked(load("a"))
    unclear = (frame["arm"] == "steered") & (frame["position"] % 7 == 0)
    applies_not = (frame["arm"] == "unsteered") & (frame["position"] % 5 == 0)
    marked = frame.assign(
        cannot_judge=unclear,
        not_applicable=applies_not,
        answer=frame["answer"].where(~(unclear | applies_not)),
    )

    (found,) = analyze(marked, planned).dimensions

    assert found.primary == analyze(frame[~(unclear | applies_not)], planned).dimensions[0].primary
    missing = found.missing_answers
    assert missing is not None
    assert missing.counts == (
        MissingByArm("steered", 360, int(unclear.sum()), 0, 0),
        MissingByArm("unsteered", 360, 0, 0, int(applies_not.sum())),
    )
    assert isinstance(missing.not_applicable, Result)
    assert missing.not_applicable.estimate == pytest.approx(-applies_not.sum() / 360)
    assert missing.not_applicable.test == "not applicable, crossed t"
    assert {each.arm for each in missing.tipping} == {"steered", "unsteered"}


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
            "answer": 1.0,
            "cannot_judge": (arm == 0) & (rater > 0),
        }
    )

    judged = HAPPINESS.model_copy(update={"name": "d"})
    plan = Planned(contrast=CONTRAST, dimensions=(judged,), primary="d")

    found = find_missing_answers(frame, judged, plan, NO_TEST)

    assert found is not None
    assert found.not_answered is None
    assert isinstance(found.cannot_judge, Result)
    assert found.cannot_judge.estimate == pytest.approx(2 / 3)
    assert found.cannot_judge.df == 2
    assert found.cannot_judge.standard_error == pytest.approx(np.std([0, 1, 1], ddof=1) / np.sqrt(3))


def test_where_everything_was_judged_there_is_nothing_to_count(load: Load, planned: Planned) -> None:
    assert analyze(as_asked(load("a")), planned).dimensions[0].missing_answers is None
    assert analyze(load("a"), planned).dimensions[0].missing_answers is None


def test_nothing_judged_in_one_arm_is_a_sentence(load: Load, planned: Planned) -> None:
    frame = as_asked(load("a"))
    unclear = frame["arm"] == "steered"
    frame = frame.assign(cannot_judge=unclear, answer=frame["answer"].where(~unclear))

    (found,) = analyze(frame, planned).dimensions

    assert found.headline == "Not estimable on happiness, because “steered” has no answers yet."
    assert found.missing_answers is not None
    assert isinstance(found.missing_answers.cannot_judge, NotEstimable)


@pytest.mark.parametrize("column", ["is_repeat", "cannot_judge"])
def test_a_flag_that_is_neither_true_nor_false_is_refused(load: Load, planned: Planned, column: str) -> None:
    frame = as_asked(load("a")).astype({column: object})
    frame.loc[3, column] = "perhaps"

    with pytest.raises(RaterError, match=rf"{column} is 'perhaps' \(rater r01\); valid: true or false"):
        analyze(frame, planned)


def test_the_tipping_point_solves_its_equation() -> None:
    """Without uncertainty in the share: (.3 − t .1) / .2, with t = 2 that is .5."""
    assert tipping_delta(0.3, 0.1, share=0.2, share_error=0.0, quantile=2.0) == pytest.approx(0.5)

    delta = tipping_delta(0.3, 0.1, share=0.2, share_error=0.03, quantile=2.0)

    assert delta is not None
    assert delta < 0.5
    assert 0.3 - delta * 0.2 == pytest.approx(2 * np.hypot(0.1, delta * 0.03))


def dropping_out(load: Load, n: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every rater was assigned data set a; of rater r01's steered texts the last n are not answered."""
    frame = as_asked(load("a"))
    assigned = frame[["rater", "item", "prompt", "arm"]].assign(dimension=None)
    gone = frame[(frame["rater"] == "r01") & (frame["arm"] == "steered")].index[-n:]
    return frame.drop(gone), assigned


def test_what_was_assigned_and_not_answered_is_missing(load: Load, planned: Planned) -> None:
    frame, assigned = dropping_out(load, 6)

    (found,) = analyze(frame, planned, assigned=assigned).dimensions

    assert found.missing_answers is not None
    assert found.missing_answers.source == "booklets"
    assert found.missing_answers.counts == (
        MissingByArm("steered", 360, 0, 6),
        MissingByArm("unsteered", 360, 0, 0),
    )
    assert isinstance(found.missing_answers.not_answered, Result)
    assert found.missing_answers.not_answered.estimate == pytest.approx(6 / 360, abs=1e-3)
    assert found.missing_answers.cannot_judge is None


def test_the_tipping_point_is_the_value_at_which_imputed_cells_lose_significance(
    load: Load, planned: Planned
) -> None:
    """Brute force: with the missing texts of every cell at the tipping value, t is at its critical value."""
    frame = as_asked(load("a"))
    assigned = frame[["rater", "item", "prompt", "arm"]].assign(dimension=None)
    third = frame["item"].str.endswith(frame["item"].str[-1].max()) & (frame["arm"] == "steered")
    plan = replace(planned, score="scale_points")

    (found,) = analyze(frame[~third], plan, assigned=assigned).dimensions

    assert isinstance(found.primary, Result)
    assert found.primary.standard_error is not None
    assert found.primary.df is not None
    assert found.missing_answers is not None
    [tip] = found.missing_answers.tipping
    assert tip.share == pytest.approx(1 / 3)
    assert tip.delta is not None
    critical = stats.t.ppf(0.975, found.primary.df)
    shifted = found.primary.estimate - tip.delta * tip.share
    assert shifted / found.primary.standard_error == pytest.approx(critical)
    assert tip.value == pytest.approx(found.primary.estimate - tip.delta)


def test_few_missing_answers_cannot_change_a_clear_result(load: Load, planned: Planned) -> None:
    frame, assigned = dropping_out(load, 6)

    (found,) = analyze(frame, planned, assigned=assigned).dimensions

    assert found.missing_answers is not None
    [tip] = found.missing_answers.tipping
    assert tip.arm == "steered"
    assert not tip.is_possible


def test_without_booklets_a_cell_with_one_arm_alone_lacks_the_other(load: Load, planned: Planned) -> None:
    frame = load("a")
    gone = (frame["rater"].isin(["r01", "r02"])) & (frame["prompt"] == "p01") & (frame["arm"] == "steered")

    (found,) = analyze(frame[~gone], planned).dimensions

    missing = found.missing_answers
    assert isinstance(missing, MissingAnswers)
    assert missing.source == "cells"
    assert [each.n_not_answered for each in missing.counts] == [2, 0]
    assert "The assignment of texts to raters is unknown" in missing.unknown


def test_a_result_that_is_not_significant_has_no_tipping_point(load: Load, planned: Planned) -> None:
    frame, assigned = dropping_out(load, 6)
    shuffled = frame.assign(answer=np.random.default_rng(0).permutation(frame["answer"].to_numpy()))

    (found,) = analyze(shuffled, planned, assigned=assigned).dimensions

    assert found.verdict == "inconclusive"
    assert found.missing_answers is not None
    assert found.missing_answers.tipping == ()


def test_answers_need_no_counterpart_where_a_mixed_model_is_planned(load: Load, planned: Planned) -> None:
    frame = load("a")
    some = frame[(frame["rater"] != "r01") | (frame["arm"] == "steered")]
    mixed = replace(planned, score="scale_points", test="mixed_model")

    assert analyze(some, planned).dimensions[0].missing_answers is not None
    assert analyze(some, mixed).dimensions[0].missing_answers is None
