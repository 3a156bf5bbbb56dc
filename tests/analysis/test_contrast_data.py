import math
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.analysis import Analysis, analyze, plan_for, read
from rater.analysis.contrast_data import Ratings, score_cells, select_ratings, why_confounded
from rater.analysis.results import NotEstimable, Result
from rater.study.analysis_plan import PlannedScore, Scope


def make_ratings(rows: list[tuple[int, int, bool, float]]) -> Ratings:
    """Make ratings from (rater, prompt, is_first, answer); every answer is an item of its own."""
    rater, prompt, is_first, answer = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Ratings(
        ("steered", "unsteered"),
        rater=np.array(rater, dtype=np.intp),
        prompt=np.array(prompt, dtype=np.intp),
        item=np.arange(len(rows)),
        is_first=np.array(is_first, dtype=np.bool_),
        answer=np.array(answer, dtype=np.float64),
    )


def test_net_superiority_counts_the_pairs_that_win_minus_those_that_lose() -> None:
    # Pairs 5>3, 5>4, 3=3, 3<4: (2 − 1) / 4.
    cells = score_cells(make_ratings([(0, 0, True, 5), (0, 0, True, 3), (0, 0, False, 3), (0, 0, False, 4)]))

    assert cells.net_superiority.tolist() == [0.25]
    assert cells.scale_points.tolist() == [0.5]


def test_a_cell_with_one_arm_only_is_left_out_and_counted() -> None:
    cells = score_cells(make_ratings([(0, 0, True, 5), (0, 0, False, 1), (0, 1, True, 2), (1, 0, False, 3)]))

    assert (cells.n.cells, cells.n.raters, cells.n.prompts, cells.n.answers) == (1, 1, 1, 2)
    assert cells.n_unpaired == 2


def test_a_cell_weighs_as_much_as_its_smaller_arm_allows() -> None:
    cells = score_cells(make_ratings([(0, 0, True, 5), (0, 0, False, 1), (0, 0, False, 2)]))

    assert cells.weight.tolist() == pytest.approx([2 / 3])  # 1 / (1/1 + 1/2)


def test_no_answers_make_no_cells() -> None:
    cells = score_cells(make_ratings([]))

    assert cells.n.cells == 0
    assert cells.net_superiority.size == 0


row = st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans(), st.integers(1, 5).map(float))


@settings(deadline=None)
@given(st.lists(row, max_size=40))
def test_mid_ranks_give_the_same_as_comparing_every_pair(rows: list[tuple[int, int, bool, float]]) -> None:
    cells = score_cells(make_ratings(rows))

    expected = []
    for rater, prompt in product(range(3), range(3)):
        first = [answer for r, p, is_first, answer in rows if (r, p) == (rater, prompt) and is_first]
        second = [answer for r, p, is_first, answer in rows if (r, p) == (rater, prompt) and not is_first]
        signs = [np.sign(x - y) for x, y in product(first, second)]
        expected += [np.mean(signs)] if signs else []
    assert cells.net_superiority.tolist() == pytest.approx(expected, abs=1e-12)


CASES = Path(__file__).parent.parent / "data" / "cases" / "12-each-prompt-in-one-arm"
SCOPES: tuple[Scope, ...] = ("raters+prompts", "raters", "prompts")
SCORES: tuple[PlannedScore, ...] = ("net_superiority", "scale_points")
Shown = Callable[[int, int], tuple[str, ...]]


def shown(arms: Shown, n_raters: int = 8, n_prompts: int = 6, seed: int = 1) -> pd.DataFrame:
    """Make ratings of the arms that each rater was shown of each prompt, with an effect of 1."""
    rng = np.random.default_rng(seed)
    rows = [
        (f"r{rater}", f"p{prompt}", arm, np.clip(round(rng.normal(3 + (arm == "steered"), 0.8)), 1, 5))
        for rater in range(n_raters)
        for prompt in range(n_prompts)
        for arm in arms(rater, prompt)
    ]
    return read(pd.DataFrame(rows, columns=["rater", "prompt", "arm", "answer"]))


def one(is_steered: bool) -> tuple[str, ...]:  # noqa: FBT001 (a condition on rater and prompt)
    return ("steered",) if is_steered else ("unsteered",)


def analysed(
    frame: pd.DataFrame, scope: Scope = "raters+prompts", score: PlannedScore = "net_superiority"
) -> Analysis:
    return analyze(frame, plan_for(frame, scope=scope, score=score, points=5))


CONFOUNDED: dict[str, tuple[Shown, str]] = {
    "prompts": (lambda _, prompt: one(prompt < 3), "every prompt has answers to only one of"),
    "raters": (lambda rater, _: one(rater < 4), "every rater has answers to only one of"),
    "prompts and raters": (
        lambda rater, prompt: one(rater < 4) if (rater < 4) == (prompt < 3) else (),
        "every prompt and every rater has answers to only one of",
    ),
    "one prompt for each rater": (
        lambda rater, prompt: one(rater % 2 == 0) if prompt == rater // 2 else (),
        "every rater has answers to only one of",
    ),
    # Each rater and each prompt has both arms, and yet arm = rater's part + prompt's part.
    "a chain": (
        lambda rater, prompt: one(prompt == rater) if prompt in {rater, rater + 1} else (),
        "is determined by its rater and prompt together",
    ),
}


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("design", CONFOUNDED)
def test_arms_confounded_with_prompts_or_raters_are_not_tested(
    design: str, score: PlannedScore, scope: Scope
) -> None:
    arms, reason = CONFOUNDED[design]

    frame = shown(arms)
    plan = plan_for(frame, scope=scope, score=score, test="cell_scores", points=5)
    (found,) = analyze(frame, plan).dimensions

    outcomes = [
        found.primary,
        found.other_score,
        *found.sensitivity_tests,
        found.details.ordinal,
        *found.details.effects,
    ]
    assert all(isinstance(outcome, NotEstimable) for outcome in outcomes)
    assert reason in found.headline
    assert isinstance(found.details.ordinal, NotEstimable)
    assert reason in found.details.ordinal.reason


@pytest.mark.parametrize("scope", ["raters", "prompts"])
@pytest.mark.parametrize("score", SCORES)
def test_counterbalanced_arms_lead_to_the_ordinal_model_in_a_narrower_scope(
    score: PlannedScore, scope: Scope
) -> None:
    """R: clmm on the same answers has an odds ratio of 0.12 for base over steered."""
    (found,) = analysed(read(CASES / "one-arm-of-each-prompt.csv"), scope, score).dimensions

    assert isinstance(found.primary, NotEstimable)
    assert isinstance(found.other_score, NotEstimable)
    assert isinstance(found.details.ordinal, Result)
    assert math.exp(-found.details.ordinal.estimate) == pytest.approx(0.12, abs=0.005)
    assert "no rater has answered both “steered” and “base” texts of the same prompt" in found.headline
    assert "ordinal mixed model uses all 144 answers: odds ratio 8.24" in found.headline
    assert "p < .001" in found.headline


@pytest.mark.parametrize("scope", ["raters", "prompts"])
@pytest.mark.parametrize("score", SCORES)
def test_where_most_answers_have_no_counterpart_units_are_compared_on_pairs_alone(
    score: PlannedScore, scope: Scope
) -> None:
    """Steered texts on prompts 0 to 2 and unsteered ones on 3 to 5, both on prompt 5 and for rater 0 on 4."""

    def arms(rater: int, prompt: int) -> tuple[str, ...]:
        return ("steered", "unsteered") if prompt == 5 or (rater, prompt) == (0, 4) else one(prompt < 3)

    frame = shown(arms)
    pairs = frame.pivot_table("answer", ["rater", "prompt"], "arm").dropna()
    cells = pairs["steered"] - pairs["unsteered"]
    if score == "net_superiority":
        cells = cells.clip(-1, 1)
    expected = cells.groupby("rater" if scope == "raters" else "prompt").mean()

    (found,) = analysed(frame, scope, score).dimensions

    assert found.primary.estimate == pytest.approx(expected.mean())
    assert found.headline.startswith("Only 18 of 57 answers enter the test")
    assert any(
        "39 of 57 answers do not enter the test" in warning for warning in found.primary.warnings
    ) or isinstance(found.primary, NotEstimable)


@pytest.mark.parametrize("scope", ["raters", "prompts"])
def test_answers_without_a_counterpart_are_named_by_tests_over_units_too(scope: Scope) -> None:
    frame = shown(lambda rater, prompt: one(rater > 1) if prompt == 0 else ("steered", "unsteered"))

    (net,) = analysed(frame, scope).dimensions
    (points,) = analysed(frame, scope, "scale_points").dimensions

    unused = "8 of 88 answers do not enter the test, because the rater answered only one arm for the prompt"
    assert unused in net.primary.warnings
    (counted,) = points.primary.warnings
    assert counted.startswith("8 of 88 answers have no counterpart")
    assert not net.headline.startswith("Only")


@pytest.mark.parametrize(
    "arms",
    [
        pytest.param(lambda rater, prompt: one((rater + prompt) % 2 == 0), id="Latin square"),
        pytest.param(
            lambda rater, prompt: one((7 * rater**2 + 5 * prompt**3 + rater * prompt) % 11 < 5),
            id="drawn at random",
        ),
        pytest.param(
            lambda rater, prompt: one((rater + prompt) % 2 == 0) if (prompt - rater) % 6 < 3 else (),
            id="incomplete blocks",
        ),
        pytest.param(lambda rater, prompt: one(prompt % 2 == 0) + one(rater == prompt), id="a few in both"),
    ],
)
def test_arms_that_cross_over_prompts_or_raters_are_not_confounded(arms: Shown) -> None:
    frame = shown(arms)
    ratings = select_ratings(frame, ("steered", "unsteered"), "answer")

    assert why_confounded(ratings) == ""


def test_one_prompt_of_each_rater_in_both_arms_is_tested() -> None:
    both = ("steered", "unsteered")
    frame = shown(lambda rater, prompt: both if prompt == rater // 2 else (), n_raters=12)

    (found,) = analysed(frame).dimensions

    assert isinstance(found.primary, Result)
    assert found.primary.n.answers == 24
