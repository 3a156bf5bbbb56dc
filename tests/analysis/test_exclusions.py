"""Exclude raters by declared criteria, and repeat the primary test without exclusions."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.exclusions import BLIND, exclude
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.quality import rate_raters
from rater.analysis.results import NotEstimable, Result
from rater.errors import RaterError
from rater.study.analysis_plan import Exclusions

Load = Callable[[str], pd.DataFrame]


@pytest.fixture
def frame(load: Load) -> pd.DataFrame:
    """Data set a with times: r01 takes 1 s a text, all others 6 s, of which 1 s out of sight."""
    data = load("a")
    quick = data["rater"] == "r01"
    return data.assign(
        position=data.groupby("rater").cumcount() + 1,
        shown_ms=np.where(quick, 1000, 6000),
        hidden_ms=pd.array(np.where(quick, 0, 1000), dtype="Int64"),
    )


@pytest.fixture
def raters(frame: pd.DataFrame) -> pd.DataFrame:
    """All finished and passed both checks, but r02, who failed both, and r03, who stopped."""
    names = sorted(frame["rater"].unique())
    return pd.DataFrame(
        {
            "rater": names,
            "n_checks": 2,
            "n_passed": [0 if name == "r02" else 2 for name in names],
            "finished": [name != "r03" for name in names],
            "left_why": ["stopped" if name == "r03" else None for name in names],
        }
    )


RULES = Exclusions(max_failed_checks=1, min_median_seconds=2, unfinished="exclude")


def test_each_criterion_excludes_the_raters_who_meet_it_with_the_reason(
    frame: pd.DataFrame, raters: pd.DataFrame
) -> None:
    found = exclude(frame, raters, RULES, primary=["happiness"])

    assert found is not None
    assert {each.rater: each.reasons for each in found.raters} == {
        "r01": ("median time 1.0 s",),
        "r02": ("failed 2 of 2 attention checks",),
        "r03": ("did not finish (stopped)",),
    }
    assert found.n_answers == 3 * 60
    assert found.rules == (
        "more than 1 attention checks failed",
        "a median time per trial below 2 s (time in view, or else between answers)",
        "the booklet was not finished",
    )


def test_the_report_words_rules_as_the_preregistration_does(frame: pd.DataFrame) -> None:
    rules = RULES.model_copy(update={"max_same_answer_share": 0.9})

    found = exclude(frame, None, rules, primary=["happiness"])

    assert found is not None
    assert found.rules == tuple(rules.describe().values())


def test_an_excluded_raters_time_is_the_one_in_the_table_of_raters(frame: pd.DataFrame) -> None:
    both = pd.concat([frame, frame.assign(dimension="sadness", shown_ms=60_000)])

    found = exclude(both, None, Exclusions(min_median_seconds=5.5), primary=["happiness"])

    assert found is not None
    listed = {each.rater: each.median_s for each in rate_raters(both, "happiness", range(1, 6))}
    assert [each.reasons for each in found.raters] == [
        (f"median time {listed[each.rater]:.1f} s",) for each in found.raters
    ]
    assert listed["r02"] == 5.0


def test_the_time_out_of_sight_does_not_count(frame: pd.DataFrame) -> None:
    found = exclude(frame, None, Exclusions(min_median_seconds=5.5), primary=["happiness"])

    assert found is not None
    assert len(found.raters) == 12
    assert found.raters[1].reasons == ("median time 5.0 s",)


def test_straightlining_excludes_a_rater(frame: pd.DataFrame) -> None:
    frame.loc[(frame["rater"] == "r05") & (frame["position"] > 2), "answer"] = 3.0

    found = exclude(frame, None, Exclusions(max_same_answer_share=0.9), primary=["happiness"])

    assert found is not None
    assert [(each.rater, each.reasons) for each in found.raters] == [
        ("r05", ("the same answer in 97% of trials",))
    ]


def test_straightlining_on_pairs_means_choosing_the_same_side(frame: pd.DataFrame) -> None:
    sides = frame.assign(arm_is_left=frame["position"] % 2 == 0)
    left, first = sides["rater"] == "r05", sides["rater"] == "r06"
    sides.loc[left, "answer"] = np.where(sides.loc[left, "arm_is_left"], 1.0, -1.0)
    sides.loc[first, "answer"] = 1.0

    found = exclude(sides, None, Exclusions(max_same_answer_share=0.9), primary=["happiness"])

    assert found is not None
    assert [(each.rater, each.reasons) for each in found.raters] == [
        ("r05", ("the same answer in 100% of trials",))
    ]


def test_raters_who_are_numbers_are_excluded_as_those_with_names(
    frame: pd.DataFrame, raters: pd.DataFrame, planned: Planned
) -> None:
    number = {name: int(name[1:]) for name in raters["rater"]}
    numbered = (each.assign(rater=each["rater"].map(number)) for each in (frame, raters))

    named = analyze(frame, replace(planned, exclusions=RULES), raters=raters)
    found = analyze(next(numbered), replace(planned, exclusions=RULES), raters=next(numbered))

    assert found.exclusion is not None
    assert [each.rater for each in found.exclusion.raters] == ["1", "2", "3"]
    assert found.dimensions[0].primary == named.dimensions[0].primary


def test_rules_never_read_an_arm(frame: pd.DataFrame, raters: pd.DataFrame) -> None:
    blind = frame[[column for column in frame.columns if column in BLIND]]

    assert "arm" not in BLIND
    assert exclude(blind, raters, RULES, primary=["happiness"]) == exclude(
        frame, raters, RULES, primary="happiness"
    )


def test_results_stand_with_and_without_the_exclusions(
    frame: pd.DataFrame, raters: pd.DataFrame, planned: Planned
) -> None:
    kept = frame[~frame["rater"].isin(["r01", "r02", "r03"])]

    analysis = analyze(frame, replace(planned, exclusions=RULES), raters=raters)

    (found,) = analysis.dimensions
    assert found.primary == analyze(kept, planned).dimensions[0].primary
    assert found.without_exclusions == analyze(frame, planned).dimensions[0].primary
    assert analysis.n.raters == 9


def test_without_exclusions_there_is_no_sensitivity_analysis(frame: pd.DataFrame, planned: Planned) -> None:
    ruled = analyze(frame, replace(planned, exclusions=Exclusions(min_median_seconds=0.5)))

    assert ruled.exclusion is not None
    assert ruled.exclusion.raters == ()
    assert ruled.dimensions[0].without_exclusions is None
    assert analyze(frame, planned).exclusion is None


def test_a_criterion_that_cannot_be_applied_is_noted(load: Load, planned: Planned) -> None:
    analysis = analyze(load("a"), replace(planned, exclusions=RULES))

    assert analysis.exclusion is not None
    assert [note.split(": ")[1] for note in analysis.exclusion.notes] == [
        "there are no data on attention checks",
        "there are no data on times",
        "there are no data on finished visits",
    ]
    assert isinstance(analysis.dimensions[0].primary, Result)


def test_everybody_excluded_is_a_sentence(frame: pd.DataFrame, planned: Planned) -> None:
    analysis = analyze(frame, replace(planned, exclusions=Exclusions(min_median_seconds=60)))

    (found,) = analysis.dimensions
    assert isinstance(found.primary, NotEstimable)
    assert found.primary.reason == "no rater has answered it yet"
    assert isinstance(found.without_exclusions, Result)


def test_a_frame_of_raters_without_a_column_is_refused(frame: pd.DataFrame, raters: pd.DataFrame) -> None:
    with pytest.raises(RaterError, match="has no column 'finished'; it needs rater, n_checks"):
        exclude(frame, raters.drop(columns="finished"), RULES, primary=["happiness"])
