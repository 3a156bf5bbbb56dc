"""Choose the test that the declared scope of the claim asks for, and make it on both scores.

Raters and prompts → the crossed random-effects t test; raters → the by-rater t test and the sign-flip test;
prompts, or a single rater → the by-prompt t test and the signed-rank test (statistics.md section 1). A test
that cannot be relied on is NotEstimable with its reason, never a number.

These tests compare the arms within rater and prompt. The linear mixed model of all answers (statistics.md
section 18) is the planned test where the plan names it, as it does where a rater sees each prompt in one arm.
Otherwise it is a sensitivity analysis, wherever some answers have no counterpart in the other arm.

If every rater × prompt cell shows the same difference, the t tests have a standard error of 0 and no p. The
exact sign-flip test takes their place and needs none: if a difference were as likely to be its negative, all
n units would have the same sign in 2 of the 2^n patterns of signs, so that p = 2 / 2^n. It is exact over
raters with these prompts and texts, or over prompts with these raters; there is no exact test over both
(statistics.md section 2). For a claim about both, the fewer of the two are the units, which gives the larger
p.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rater.analysis.answer_scale import Judged
from rater.analysis.by_unit_tests import (
    Unit,
    by_prompt_signed_rank,
    by_prompt_t,
    by_rater_sign_flip,
    by_rater_t,
    unit_differences,
)
from rater.analysis.contrast_data import Ratings, are_few_paired, why_confounded
from rater.analysis.crossed import TEST as CROSSED_T
from rater.analysis.crossed import Compared, contrast_t
from rater.analysis.intervals import Bounds, bounds_of
from rater.analysis.mixed_model import mixed_model_test
from rater.analysis.odd_one_out import excess_test
from rater.analysis.plan import Planned
from rater.analysis.preferences import Preferred
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.sentences import SCORES, counted, number
from rater.study.analysis_plan import PlannedScore

EXACT_TEST = "exact sign-flip"
_EXACT_REFERENCE = "Fisher 1935, The Design of Experiments §21"
_Test: TypeAlias = Callable[[PlannedScore], Outcome]


@dataclass(frozen=True)
class Tested:
    """The planned test on the planned score and on the other one, and sensitivity analyses."""

    primary: Outcome
    other_score: Outcome
    sensitivity_tests: tuple[Outcome, ...] = ()
    mixed_model: Outcome | None = None
    """The linear mixed model of all answers, where it is the planned test or uses more answers than that;
    else None."""

    @property
    def net_superiority(self) -> Outcome:
        """The one of the two that is on net superiority."""
        return self.primary if self.primary.score == "net_superiority" else self.other_score


def make_tests(compared: Compared, planned: Planned, judged: Judged | None = None) -> Tested:
    """Make the tests of one contrast on one dimension, whose scale ends intervals. Costs small matrices."""
    if planned.test == "mixed_model" and isinstance(compared.answers, Ratings):
        return _test_all_answers(compared, compared.answers, planned, judged)
    score = planned.score
    other: PlannedScore = "scale_points" if score == "net_superiority" else "net_superiority"
    reason = _nothing_to_compare(compared.answers, planned)
    if reason:
        n = compared.answers.count()
        return Tested(
            NotEstimable(test="primary test", score=score, reason=reason, n=n),
            NotEstimable(test="primary test", score=other, reason=reason, n=n),
        )
    test, robust = _tests_for_scope(compared, planned, _bounds(judged))
    primary = _primary(test, planned, is_by_unit=robust is not None)
    mixed = _as_sensitivity_analysis(compared, planned, judged, is_by_unit=robust is not None)
    others = [*([robust(score)] if robust else []), *([mixed] if mixed else [])]
    return Tested(primary, test(other), tuple(others), mixed)


def _test_all_answers(
    compared: Compared, ratings: Ratings, planned: Planned, judged: Judged | None
) -> Tested:
    """Make the linear mixed model the primary test; tests on cells follow if most answers are in cells."""
    primary = _mixed_model(ratings, planned, judged)
    cells, alpha = compared.cells, planned.alpha
    if are_few_paired(cells.n.answers, ratings.answer.size):
        reason = (
            f"only {cells.n.answers:,} of {ratings.answer.size:,} answers are by raters who answered both "
            "arms for the prompt"
        )
        return Tested(
            primary,
            NotEstimable(test=CROSSED_T, score="net_superiority", reason=cells.no_cells or reason, n=cells.n),
            mixed_model=primary,
        )
    return Tested(
        primary,
        contrast_t(cells, "net_superiority", alpha=alpha, scope=planned.scope),
        (contrast_t(cells, "scale_points", alpha=alpha, bounds=_bounds(judged), scope=planned.scope),),
        primary,
    )


def _mixed_model(ratings: Ratings, planned: Planned, judged: Judged | None) -> Outcome:
    reason = _no_answers(ratings, planned)
    if reason:
        n = ratings.count()
        return NotEstimable(test="primary test", score=planned.score, reason=reason, n=n)
    return mixed_model_test(_over_scope(ratings, planned), alpha=planned.alpha, bounds=_bounds(judged))


def _over_scope(ratings: Ratings, planned: Planned) -> Ratings:
    return ratings if "concepts" in planned.scope else ratings.without_concepts()


def _as_sensitivity_analysis(
    compared: Compared, planned: Planned, judged: Judged | None, *, is_by_unit: bool
) -> Outcome | None:
    """Return the linear mixed model where the test on cells leaves answers out and has the same claim."""
    ratings = compared.answers
    has_other_claim = is_by_unit or planned.scope == "raters+concepts"
    if has_other_claim or not compared.cells.n_unpaired or not isinstance(ratings, Ratings):
        return None
    return mixed_model_test(_over_scope(ratings, planned), alpha=planned.alpha, bounds=_bounds(judged))


def make_primary(compared: Compared, planned: Planned, judged: Judged | None = None) -> Outcome:
    """Make the planned test alone, as simulations need it."""
    if planned.test == "mixed_model" and isinstance(compared.answers, Ratings):
        return _mixed_model(compared.answers, planned, judged)
    reason = _nothing_to_compare(compared.answers, planned)
    if reason:
        n = compared.answers.count()
        return NotEstimable(test="primary test", score=planned.score, reason=reason, n=n)
    test, robust = _tests_for_scope(compared, planned, _bounds(judged))
    return _primary(test, planned, is_by_unit=robust is not None)


def _bounds(judged: Judged | None) -> Bounds | None:
    """Return the range of possible differences in scale points."""
    return bounds_of("scale_points", judged) if judged else None


def _primary(test: _Test, planned: Planned, *, is_by_unit: bool) -> Outcome:
    primary = test(planned.score)
    if planned.scope == "raters+prompts" and is_by_unit:
        asked = (
            "the planned crossed random-effects t test needs at least 2 raters, so this is the test by prompt"
        )
        primary = replace(primary, warnings=(asked, *primary.warnings))
    return primary


def _tests_for_scope(
    compared: Compared, planned: Planned, bounds: Bounds | None
) -> tuple[_Test, _Test | None]:
    """Return the planned test as a function of the score, and one that assumes less, where there is one."""
    ratings, cells, alpha = compared.answers, compared.cells, planned.alpha

    def exact(failed: Outcome, score: PlannedScore) -> Outcome:
        return _replace_failed(failed, compared, planned, score)

    if planned.scope == "raters":
        return (
            lambda score: exact(by_rater_t(ratings, cells, score, alpha=alpha, bounds=bounds), score),
            lambda score: by_rater_sign_flip(ratings, cells, score, rng=np.random.default_rng(planned.seed)),
        )
    over_concepts = "concepts" in planned.scope
    if planned.scope == "prompts" or (np.unique(ratings.rater).size == 1 and not over_concepts):
        if cells.concepts is not None:
            # a prompt that is used for several concepts is one prompt
            cells = replace(cells, prompt=cells.concepts.shared[cells.prompt], concepts=None)
            ratings = ratings.without_concepts() if isinstance(ratings, Ratings) else ratings
        return (
            lambda score: exact(by_prompt_t(ratings, cells, score, alpha=alpha, bounds=bounds), score),
            lambda score: by_prompt_signed_rank(ratings, cells, score),
        )
    if cells.chance is not None:
        return lambda score: excess_test(cells, score, alpha=alpha, scope=planned.scope), None
    return (
        lambda score: exact(contrast_t(cells, score, alpha=alpha, bounds=bounds, scope=planned.scope), score),
        None,
    )


def _nothing_to_compare(ratings: Ratings | Preferred, planned: Planned) -> str:
    """Return the reason why no test on cells is possible; empty if tests can be tried."""
    reason = _no_answers(ratings, planned)
    return reason if reason or isinstance(ratings, Preferred) else why_confounded(ratings)


def _no_answers(ratings: Ratings | Preferred, planned: Planned) -> str:
    """Return why there is nothing to test: no answers, or none to one arm; else an empty text."""
    if ratings.answer.size == 0:
        of = f" of {planned.n_raters} planned" if planned.n_raters else ""
        if isinstance(ratings, Preferred):
            return f"no rater{of} has chosen between “{ratings.contrast[0]}” and “{ratings.contrast[1]}” yet"
        return f"no rater{of} has answered it yet"
    if isinstance(ratings, Preferred):
        return ""
    for arm, answered in zip(ratings.contrast, (ratings.is_first, ~ratings.is_first), strict=True):
        if not answered.any():
            return f"“{arm}” has no answers yet"
    return ""


def _replace_failed(failed: Outcome, compared: Compared, planned: Planned, score: PlannedScore) -> Outcome:
    """Return the exact test where a test failed since all its units have one difference; else the outcome."""
    if isinstance(failed, Result) or failed.estimate is None or "concepts" in planned.scope:
        return failed
    units = _units(compared, planned)
    differences = {unit: unit_differences(compared.answers, compared.cells, score, unit) for unit in units}
    if any(each.values.size < 2 or np.ptp(each.values) > 1e-9 for each in differences.values()):
        return failed
    unit = min(units, key=lambda each: differences[each].values.size)
    chosen = differences[unit]
    others = [(each, found.values) for each, found in differences.items() if each != unit]
    p = _sign_p(chosen.values)
    return Result(
        test=EXACT_TEST,
        estimand=compared.cells.estimand(score),
        score=score,
        estimate=failed.estimate,
        interval=None,
        standard_error=None,
        symbol="T",
        statistic=float(chosen.values.sum()),
        df=None,
        p=p,
        n=chosen.n,
        claim=_claim(compared, score, chosen.values, unit, other=others[0] if others else None),
        method=(
            f"{EXACT_TEST} test of the equal differences of the {unit}s: {_formula_of(chosen.values.size, p)}"
        ),
        reference=_EXACT_REFERENCE,
        warnings=(*_coarse(chosen.values, unit, planned.alpha), *chosen.warnings),
        settings={"alpha": planned.alpha, "unit": unit, "n_units": int(chosen.values.size)},
    )


def _sign_p(values: NDArray[np.float64]) -> float:
    """Return p of n equal differences: 2 / 2^n, or 1 where they are 0."""
    return 1.0 if abs(values[0]) < 1e-9 else 2.0 ** (1 - values.size)


def describe_exact_p(result: Result) -> str:
    """Return the test and its p, with its formula: ``exact sign-flip over 12 raters, p = 2/2^12 = .0005``."""
    n, unit = int(result.settings["n_units"]), str(result.settings["unit"])
    return f"{EXACT_TEST} over {counted(n, unit)}, {_formula_of(n, result.p)}"


def _units(compared: Compared, planned: Planned) -> tuple[Unit, ...]:
    if planned.scope == "raters":
        return ("rater",)
    if planned.scope == "prompts" or np.unique(compared.answers.rater).size == 1:
        return ("prompt",)
    return ("rater", "prompt")


def _claim(
    compared: Compared,
    score: PlannedScore,
    values: NDArray[np.float64],
    unit: Unit,
    *,
    other: tuple[Unit, NDArray[np.float64]] | None,
) -> str:
    cells = compared.cells
    equal_cells = bool(np.ptp(cells.score(score)) < 1e-9)
    whole = counted(cells.n.cells, "rater × prompt cell") if equal_cells else counted(values.size, unit)
    same = (
        f"All {whole} have the same {SCORES[score]} ({number(float(values[0]))}), so its variance cannot be "
        "estimated, and there is no interval."
    )
    held = "prompts" if unit == "rater" else "raters"
    texts = " and texts" if unit == "rater" else ""
    exact = f"The p-value is exact for {unit}s like those of this study, with its {held}{texts} fixed"
    if other is None:
        return f"{same} {exact}; it does not generalise to other {held}."
    return (
        f"{same} {exact}; there is no exact test over both raters and prompts. The same test over {held} "
        f"gives {_formula_of(other[1].size, _sign_p(other[1]))}."
    )


def _coarse(values: NDArray[np.float64], unit: Unit, alpha: float) -> tuple[str, ...]:
    smallest = 2.0 ** (1 - values.size)
    if smallest < alpha:
        return ()
    return (f"with {counted(values.size, unit)}, this test has no p-value below {smallest:.3g}",)


def _formula_of(n: int, p: float) -> str:
    if p == 1:
        return "p = 1"
    shown = f"= {p:.4f}".replace("0.", ".") if p >= 0.0001 else "< .0001"
    return f"p = 2/2^{n} {shown}"
