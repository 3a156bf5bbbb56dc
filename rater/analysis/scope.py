"""Choose the test that the declared scope of the claim asks for, and make it on both scores.

Raters and prompts → the crossed random-effects t test; raters → the by-rater t test and the sign-flip test;
prompts, or a single rater → the by-prompt t test and the signed-rank test (statistics.md section 1). Where
all differences are the same, the exact sign-flip test takes the place of a t (`rater.analysis.unanimous`). A
test that cannot be relied on is NotEstimable with its reason, never a number.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from rater.analysis.answer_scale import Judged
from rater.analysis.by_unit_tests import by_prompt_signed_rank, by_prompt_t, by_rater_sign_flip, by_rater_t
from rater.analysis.confounding import why_confounded
from rater.analysis.contrast_data import Ratings
from rater.analysis.crossed import Compared, two_way_t
from rater.analysis.intervals import Bounds, bounds_of
from rater.analysis.plan import Planned
from rater.analysis.preferences import Preferred
from rater.analysis.results import NotEstimable, Outcome
from rater.analysis.unanimous import replace_failed
from rater.study.analysis_plan import PlannedScore


@dataclass(frozen=True)
class Tested:
    """The planned test on the planned score and on the other one, and tests that assume less."""

    primary: Outcome
    other_score: Outcome
    sensitivity_tests: tuple[Outcome, ...] = ()

    @property
    def net_superiority(self) -> Outcome:
        """The one of the two that is on net superiority."""
        return self.primary if self.primary.score == "net_superiority" else self.other_score


_Test: TypeAlias = Callable[[PlannedScore], Outcome]


def make_tests(compared: Compared, planned: Planned, judged: Judged | None = None) -> Tested:
    """Make the tests of one contrast on one dimension, whose scale ends intervals. Costs small matrices."""
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
    return Tested(primary, test(other), (robust(score),) if robust else ())


def make_primary(compared: Compared, planned: Planned, judged: Judged | None = None) -> Outcome:
    """Make the planned test alone, as simulations need it."""
    reason = _nothing_to_compare(compared.answers, planned)
    if reason:
        n = compared.answers.count()
        return NotEstimable(test="primary test", score=planned.score, reason=reason, n=n)
    test, robust = _tests_for_scope(compared, planned, _bounds(judged))
    return _primary(test, planned, is_by_unit=robust is not None)


def _bounds(judged: Judged | None) -> Bounds | None:
    """Return between what a difference in scale points must be."""
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
        return replace_failed(failed, compared, planned, score)

    if planned.scope == "raters":
        return (
            lambda score: exact(by_rater_t(ratings, cells, score, alpha=alpha, bounds=bounds), score),
            lambda score: by_rater_sign_flip(ratings, cells, score, rng=np.random.default_rng(planned.seed)),
        )
    if planned.scope == "prompts" or np.unique(ratings.rater).size == 1:
        return (
            lambda score: exact(by_prompt_t(ratings, cells, score, alpha=alpha, bounds=bounds), score),
            lambda score: by_prompt_signed_rank(ratings, cells, score),
        )
    return lambda score: exact(two_way_t(cells, score, alpha=alpha, bounds=bounds), score), None


def _nothing_to_compare(ratings: Ratings | Preferred, planned: Planned) -> str:
    """Return the reason why no test is possible; empty if tests can be tried."""
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
    return why_confounded(ratings)
