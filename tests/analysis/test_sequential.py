from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rater.analysis.agreement import Agreement
from rater.analysis.headline import describe_spent_alpha
from rater.analysis.planned import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Estimate
from rater.analysis.sequential import Seen, at_look, describe_looks, level_at_the_end, planned_levels
from rater.study.analysis_plan import Looks, Spending
from rater.study.protocol import Dimension
from rater.study.scales import Likert

Load = Callable[[str], pd.DataFrame]

HALVES = Looks(at=(0.5, 1))
PLANNED = Planned(
    contrast=("steered", "unsteered"),
    dimensions=(Dimension(name="happiness", question="?", scale=Likert(low="not", high="very")),),
    primary="happiness",
    looks=HALVES,
)


def looks(*sizes: int, n_planned: int = 288, is_open: bool = False) -> list[Seen]:
    """Look at so many answers each time, for the last time after the end unless the study is open."""
    seen = [Seen(size, n_planned, is_interim=True) for size in sizes]
    return seen if is_open else [*seen[:-1], replace(seen[-1], is_interim=False)]


def test_planned_looks_test_at_the_levels_of_rpact() -> None:
    """R: rpact 3.3, two looks, asOF and asP, alpha .025 one-sided; z as in data/stats/sequential.json."""
    assert planned_levels(HALVES, 0.05) == pytest.approx([0.0030507, 0.0490], abs=2e-5)
    pocock = Looks(at=(0.5, 1), spending="pocock")
    assert planned_levels(pocock, 0.05) == pytest.approx([0.0310057, 0.0277424], abs=2e-5)


def test_a_study_tests_at_what_is_left_for_its_look() -> None:
    first = at_look(PLANNED, looks(144, is_open=True))
    last = at_look(PLANNED, looks(144, 288))

    assert [first.alpha, last.alpha] == pytest.approx(planned_levels(HALVES, 0.05))
    assert first.spent is not None
    assert (first.spent.alpha, first.spent.share) == (0.05, 0.5)
    assert level_at_the_end(HALVES, 0.05) == pytest.approx(last.alpha)


@pytest.mark.parametrize("spending", ["none", "pocock"])
def test_without_a_look_before_the_end_all_of_alpha_is_there(spending: Literal["none", "pocock"]) -> None:
    """However many answers came: nobody could choose the end by what they say."""
    plan = replace(PLANNED, looks=Looks(at=(0.5, 1), spending=spending))

    assert at_look(plan, looks(200)) == plan
    after = [Seen(200, 288, is_interim=False)] * 3
    assert at_look(plan, after) == plan
    assert at_look(replace(plan, looks=None), looks(100, 200)).alpha == 0.05


def test_who_stops_after_a_look_does_not_get_what_was_kept_for_later() -> None:
    """Else a p of .04 at half of the answers would do, if the study were then closed."""
    early = at_look(PLANNED, looks(144, is_open=True)).alpha
    closed = at_look(PLANNED, looks(144, 144)).alpha

    assert closed == pytest.approx(early, rel=1e-3)


def test_a_look_without_new_answers_is_no_further_look() -> None:
    again = at_look(PLANNED, looks(144, 144, 144, 288)).alpha

    assert again == pytest.approx(at_look(PLANNED, looks(144, 288)).alpha, rel=1e-4)
    fewer = at_look(PLANNED, looks(144, 140, 288)).alpha  # a rater was forgotten
    assert fewer == pytest.approx(again, rel=1e-4)


def test_raters_who_are_added_do_not_give_back_what_was_spent() -> None:
    grown = [Seen(144, 288, is_interim=True), Seen(576, 576, is_interim=False)]
    as_if_planned = [Seen(144, 576, is_interim=True), Seen(576, 576, is_interim=False)]

    pocock = replace(PLANNED, looks=Looks(at=(0.5, 1), spending="pocock"))
    assert at_look(pocock, grown).alpha < at_look(pocock, as_if_planned).alpha


def test_a_very_early_look_and_one_beyond_the_plan_still_have_a_level() -> None:
    assert at_look(PLANNED, looks(1, is_open=True)).alpha == pytest.approx(1e-6, rel=0.01)
    assert 0 < at_look(PLANNED, looks(288, 400, is_open=True)).alpha < 0.01


@settings(deadline=None, max_examples=25)
@given(
    sizes=st.lists(st.integers(1, 400), min_size=1, max_size=6, unique=True).map(sorted),
    how=st.sampled_from(["obrien-fleming", "pocock"]),
)
def test_all_looks_together_keep_alpha(sizes: list[int], how: Spending) -> None:
    """Scores with independent increments, simulated: how often any look is crossed, on either side."""
    plan = replace(PLANNED, looks=Looks(at=(0.5, 1), spending=how))
    seen = looks(*sizes, n_planned=400, is_open=True)
    levels = np.array([at_look(plan, seen[: place + 1]).alpha for place in range(len(seen))])

    rng = np.random.default_rng(1)
    steps = np.sqrt([b - a for a, b in pairwise([0, *sizes])])
    scores = np.cumsum(rng.standard_normal((40_000, len(sizes))) * steps, axis=1) / np.sqrt(sizes)
    crossed = (np.abs(scores) > stats.norm.isf(levels / 2)).any(axis=1).mean()
    assert crossed < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 40_000)


def test_an_early_look_says_its_level_and_has_intervals_of_it(load: Load) -> None:
    frame = load("a")
    plan = at_look(PLANNED, looks(144, is_open=True))

    analysis = analyze(frame, plan)

    assert "99.695 % CI" in analysis.dimensions[0].headline
    [note] = [note for note in analysis.notes if "spread" in note.says]
    assert note.says == describe_spent_alpha(plan)
    assert note.says == (
        "alpha 0.05 is spread over all looks after O'Brien and Fleming (Lan & DeMets 1983): this one, at "
        "50.0% of the planned answers, tests at p < 0.00305, and its intervals are of 99.695 %"
    )


def test_a_look_names_those_before_it_so_that_its_level_can_be_found_again() -> None:
    later = at_look(PLANNED, looks(72, 144, 140, 216, is_open=True))

    assert later.spent is not None
    assert later.spent.earlier == (0.25, 0.5)
    assert "at 75.0% of the planned answers, after 25.0%, 50.0%, tests at p < " in describe_spent_alpha(later)
    again = at_look(PLANNED, looks(72, 144, 144, is_open=True)).spent
    assert again is not None
    assert again.earlier == (0.25,)


def test_a_thousand_looks_at_the_same_answers_spend_no_more_than_one() -> None:
    assert at_look(PLANNED, looks(144, *[288] * 1000)).alpha == at_look(PLANNED, looks(144, 288)).alpha


def test_an_early_look_has_no_bootstrap_interval_that_its_replicates_cannot_reach(load: Load) -> None:
    agreement = analyze(load("a"), at_look(PLANNED, looks(144, is_open=True))).dimensions[0].details.agreement

    assert isinstance(agreement, Agreement)
    found = agreement.krippendorff_ordinal
    assert isinstance(found, Estimate)
    assert found.interval is None
    assert "2,000 replicates do not reach the ends of one of 99.695 %" in found.warnings[0]


def test_a_small_level_with_few_raters_is_warned_about(load: Load) -> None:
    frame = load("a")
    few = frame[frame["rater"].isin(sorted(frame["rater"].unique())[:4])]

    early = analyze(few, at_look(PLANNED, looks(96, is_open=True))).dimensions[0].primary
    whole = analyze(few, PLANNED).dimensions[0].primary
    assert any("with only 4 raters p below" in warning for warning in early.warnings)
    assert not any("with only 4 raters" in warning for warning in whole.warnings)


def test_planned_looks_are_described_with_their_levels() -> None:
    halves = "at 50%, 100% of the planned answers"

    assert describe_looks(Looks(at=(0.5, 1), spending="pocock"), 0.05) == (
        f"{halves}, at p < 0.031, p < 0.0277: alpha is spread over them after Pocock"
    )
    assert describe_looks(Looks(at=(0.5, 1), spending="none"), 0.05) == (
        f"{halves}, each at p < 0.05: alpha is not spread over them"
    )
