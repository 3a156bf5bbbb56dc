import json
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rater.analysis.agreement import Agreement
from rater.analysis.headline import describe_spent_alpha
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Estimate
from rater.analysis.sequential import (
    Seen,
    at_look,
    boundaries,
    cost_of_looks,
    describe_looks,
    level_at_the_end,
    planned_levels,
    spend,
)
from rater.study.analysis_plan import AnalysisPlan, InterimLooks, Spending
from rater.study.dimension import Dimension
from rater.study.scales import Likert
from rater.study.study import Study
from tests.unblind.conftest import look, publish, rate

Load = Callable[[str], pd.DataFrame]


HALVES = InterimLooks(at=(0.5, 1))


PLANNED = Planned(
    contrast=("steered", "unsteered"),
    dimensions=(Dimension(name="happiness", question="?", scale=Likert(low="not", high="very")),),
    primary="happiness",
    looks=HALVES,
)


def looks(*sizes: int, n_planned: int = 288, is_open: bool = False) -> list[Seen]:
    """Return looks at these numbers of answers; the last one is final unless the study is open."""
    seen = [Seen(size, n_planned, is_interim=True) for size in sizes]
    return seen if is_open else [*seen[:-1], replace(seen[-1], is_interim=False)]


def test_planned_looks_test_at_the_levels_of_rpact() -> None:
    """R: rpact 3.3, two looks, asOF and asP, alpha .025 one-sided; z as in data/stats/sequential.json."""
    assert planned_levels(HALVES, 0.05) == pytest.approx([0.0030507, 0.0490], abs=2e-5)
    pocock = InterimLooks(at=(0.5, 1), spending="pocock")
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
    plan = replace(PLANNED, looks=InterimLooks(at=(0.5, 1), spending=spending))

    assert at_look(plan, looks(200)) == plan
    after = [Seen(200, 288, is_interim=False)] * 3
    assert at_look(plan, after) == plan
    assert at_look(replace(plan, looks=None), looks(100, 200)).alpha == 0.05


def test_stopping_after_a_look_does_not_spend_the_remaining_alpha() -> None:
    """Else a p of .04 at half of the answers would do, if the study were then closed."""
    early = at_look(PLANNED, looks(144, is_open=True)).alpha
    closed = at_look(PLANNED, looks(144, 144)).alpha

    assert closed == pytest.approx(early, rel=1e-3)


def test_a_look_without_new_answers_is_not_counted() -> None:
    again = at_look(PLANNED, looks(144, 144, 144, 288)).alpha

    assert again == pytest.approx(at_look(PLANNED, looks(144, 288)).alpha, rel=1e-4)
    fewer = at_look(PLANNED, looks(144, 140, 288)).alpha  # a rater was forgotten
    assert fewer == pytest.approx(again, rel=1e-4)


def test_added_raters_do_not_restore_spent_alpha() -> None:
    grown = [Seen(144, 288, is_interim=True), Seen(576, 576, is_interim=False)]
    as_if_planned = [Seen(144, 576, is_interim=True), Seen(576, 576, is_interim=False)]

    pocock = replace(PLANNED, looks=InterimLooks(at=(0.5, 1), spending="pocock"))
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
    plan = replace(PLANNED, looks=InterimLooks(at=(0.5, 1), spending=how))
    seen = looks(*sizes, n_planned=400, is_open=True)
    levels = np.array([at_look(plan, seen[: place + 1]).alpha for place in range(len(seen))])

    rng = np.random.default_rng(1)
    steps = np.sqrt([b - a for a, b in pairwise([0, *sizes])])
    scores = np.cumsum(rng.standard_normal((40_000, len(sizes))) * steps, axis=1) / np.sqrt(sizes)
    crossed = (np.abs(scores) > stats.norm.isf(levels / 2)).any(axis=1).mean()
    assert crossed < 0.05 + 4 * np.sqrt(0.05 * 0.95 / 40_000)


def test_an_interim_look_reports_its_level_and_intervals(load: Load) -> None:
    frame = load("a")
    plan = at_look(PLANNED, looks(144, is_open=True))

    analysis = analyze(frame, plan)

    assert "99.695% CI" in analysis.dimensions[0].headline
    [note] = [note for note in analysis.notes if "spending" in note.message]
    assert note.message == describe_spent_alpha(plan)
    assert note.message == (
        "group-sequential design with Lan–DeMets alpha spending (O'Brien–Fleming type), overall alpha 0.05: "
        "this analysis, at 50.0% of the planned answers, tests at p < 0.00305 and has 99.695% confidence "
        "intervals"
    )


def test_a_look_names_those_before_it_so_that_its_level_can_be_found_again() -> None:
    later = at_look(PLANNED, looks(72, 144, 140, 216, is_open=True))

    assert later.spent is not None
    assert later.spent.earlier == (0.25, 0.5)
    assert "75.0% of the planned answers (earlier analyses at 25.0%, 50.0%)" in describe_spent_alpha(later)
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
    assert "2,000 replicates do not reach the ends of one of 99.695%" in found.warnings[0]


def test_a_small_level_with_few_raters_is_warned_about(load: Load) -> None:
    frame = load("a")
    few = frame[frame["rater"].isin(sorted(frame["rater"].unique())[:4])]

    early = analyze(few, at_look(PLANNED, looks(96, is_open=True))).dimensions[0].primary
    whole = analyze(few, PLANNED).dimensions[0].primary
    assert any("with only 4 raters p below" in warning for warning in early.warnings)
    assert not any("with only 4 raters" in warning for warning in whole.warnings)


def test_planned_looks_are_described_with_their_levels() -> None:
    halves = "analyses at 50%, 100% of the planned answers"

    assert describe_looks(InterimLooks(at=(0.5, 1), spending="pocock"), 0.05) == (
        f"group-sequential design with Lan–DeMets alpha spending (Pocock type); {halves}, tested at p < "
        "0.031, p < 0.0277"
    )
    assert describe_looks(InterimLooks(at=(0.5, 1), spending="none"), 0.05) == (
        f"{halves}, each at p < 0.05, without adjustment for repeated testing"
    )


SEQUENTIAL = json.loads((Path(__file__).parent.parent / "data" / "stats" / "sequential.json").read_text())


@pytest.mark.parametrize(("name", "how"), [("asOF", "obrien-fleming"), ("asP", "pocock")])
@pytest.mark.parametrize("looks", [2, 3, 4, 5, 10])
def test_boundaries_are_those_of_rpact(name: str, how: Spending, looks: int) -> None:
    """R: rpact 3.3, getDesignGroupSequential(kMax = looks, alpha = .025, typeOfDesign = name)."""
    shares = [look / looks for look in range(1, looks + 1)]

    theirs = SEQUENTIAL[f"{name}_K{looks}"]
    spent = [spend(how, share, 0.025) for share in shares]
    assert boundaries(shares, spent) == pytest.approx(theirs["z"], abs=1e-3)
    assert spent == pytest.approx(theirs["cumulative_alpha_one_sided"], abs=1e-6)


def test_one_look_is_an_ordinary_test() -> None:
    assert boundaries([1.0], [0.025]) == pytest.approx([1.959963985])
    assert boundaries([288], [0.05]) == pytest.approx([1.644853627])


def test_only_the_ratios_of_information_matter() -> None:
    assert boundaries([100, 150], [0.01, 0.02]) == pytest.approx(boundaries([2 / 3, 1], [0.01, 0.02]))


@pytest.mark.parametrize(
    ("information", "spent"),
    [
        ([], []),
        ([0.5, 0.5], [0.01, 0.02]),
        ([0.0, 1.0], [0.01, 0.02]),
        ([0.5, 1], [0.02, 0.02]),
        ([0.5, 1], [0.02]),
    ],
)
def test_information_and_spending_must_rise_together(information: list[float], spent: list[float]) -> None:
    with pytest.raises(ValueError, match="same length, be above 0 and increase"):
        boundaries(information, spent)


@pytest.mark.parametrize(("looks", "cost"), [(1, 0.05), (2, 0.083), (3, 0.107), (5, 0.142), (10, 0.193)])
def test_unplanned_looks_cost_what_armitage_mcpherson_and_rowe_found(looks: int, cost: float) -> None:
    """Their table 2: the type I error of equally spaced tests, each at 5 %."""
    assert cost_of_looks([100 * look for look in range(1, looks + 1)]) == pytest.approx(cost, abs=6e-4)


def test_looks_too_close_to_integrate_over_do_not_spoil_those_that_follow() -> None:
    spent = [0.01, 0.010001, 0.02]

    close = boundaries([500_000, 500_001, 1_000_000], spent)
    assert close[2] == pytest.approx(boundaries([500_000, 1_000_000], [0.01, 0.02])[1], abs=2e-3)


def test_looking_at_the_same_answers_again_costs_nothing() -> None:
    assert cost_of_looks([400, 400, 400]) == pytest.approx(0.05)
    assert cost_of_looks([200, 400, 400]) == cost_of_looks([200, 400])


@pytest.mark.parametrize("sizes", [[], [0, 10]])
def test_a_look_without_answers_is_an_error(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one number of answers, all above 0"):
        cost_of_looks(sizes)


def test_a_study_that_spreads_alpha_tests_at_the_level_of_each_look(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    halves = AnalysisPlan(interim_looks=InterimLooks(at=(0.5, 1), spending="pocock"))
    study = study.model_copy(update={"analysis": halves})
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    for _ in range(3):
        rate(rating_url, study)

    half = look(sealed_url, rating_url, study, interim=True)
    for _ in range(3):
        rate(rating_url, study)
    end = look(sealed_url, rating_url, study)

    assert (half.plan.alpha, end.plan.alpha) == pytest.approx((0.0310057, 0.0277424), abs=1e-5)
    assert half.plan.spent is not None
    assert half.plan.spent.share == 0.5
