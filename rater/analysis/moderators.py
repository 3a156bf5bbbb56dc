"""Moderators: whether the difference between the arms depends on a characteristic of the raters.

A moderator is a property of a rater, such as a group. With M_rp the cell score of rater r and prompt p (first
arm minus second), the interaction of arm and group is the difference of M between groups, in the model

    M_rp = μ + β x_r + a_r + b_p + c_p x_r + e_rp,

with x = ±1/2 for two groups, or a number in standard deviations. a_r are the raters' own differences, b_p
those of the prompts, and c_p how the interaction differs between prompts; concepts, if there are some, have
an intercept and a slope as well. β is tested by REML with Satterthwaite degrees of freedom
(`rater.analysis.mixed_model_fit`). Raters and prompts are random, so the claim is about both. A t test of the
raters' means would leave c_p out, and to compare the p of one group with that of another is not a test of
their difference (Gelman & Stern 2006, Am. Stat. 60:328–331).

In 600 simulated studies each without an interaction (two groups, standard deviations of the slopes of .5
residual ones, effects of raters and prompts), p < .05 in 2.5 to 3.8 % (6 raters × 8 prompts), 2.2 to 5.3 %
(12 × 12) and 3.0 to 5.7 % (30 × 12). The t test of raters' means rejected in up to 7.7, 12.5 and 25.3 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import stats

from rater.analysis.answer_scale import Judged
from rater.analysis.cell_scores import CellScores, Codes, Floats
from rater.analysis.contrast_data import Ratings
from rater.analysis.crossed import MIN_INFORMATIVE_DF, Compared, OutcomeLabels, crossed_t, too_few_df
from rater.analysis.intervals import bounds_of
from rater.analysis.mixed_model_fit import MixedFit, NoMixedFit, fit_mixed_model
from rater.analysis.multiple_comparisons import adjust
from rater.analysis.plan import Planned
from rater.analysis.results import MIN_DF, Counts, Interval, NotEstimable, Outcome, Result
from rater.analysis.sentences import CLAIM, SCORES
from rater.study.questionnaire import Question

TEST = "interaction, crossed t"
METHOD = (
    "linear mixed model of rater × prompt cell scores (REML): fixed effect of the moderator; random "
    "intercepts of raters and prompts, and random slopes of prompts on the moderator; Wald t test with "
    "Satterthwaite degrees of freedom"
)
REFERENCE = "Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13)"
MIN_GROUP = 2
"""Raters in a group that is compared: one has no variance."""


@dataclass(frozen=True, kw_only=True)
class GroupEffect:
    """The difference between the arms within one group of raters."""

    group: str
    n_raters: int
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """The test of an interaction: a difference of differences, or the change of the difference per SD."""

    name: str
    outcome: Outcome
    p_adjusted: float | None = None
    """After the Holm correction among the interactions of all declared moderators."""


@dataclass(frozen=True, kw_only=True)
class Moderation:
    """The difference between the arms by a characteristic of the raters."""

    name: str
    question: str
    n_unknown: int
    """Raters with both arms who declined the question, or were not asked."""
    groups: tuple[GroupEffect, ...]
    """For a choice, the groups with enough raters, in the study's order."""
    interactions: tuple[Interaction, ...]


def moderate(
    compared: Compared, planned: Planned, judged: Judged, questionnaire: pd.DataFrame | None
) -> tuple[Moderation, ...]:
    """Estimate the difference by each declared moderator, and test the interactions.

    Args:
        compared: The answers to the primary contrast on the primary dimension.
        planned: The plan, with the moderators.
        judged: The primary dimension.
        questionnaire: One row for each answer of a rater about themselves: rater, question, answer.
    """
    if questionnaire is None or not planned.moderators:
        return ()
    asked = {each.name: each for each in planned.questionnaire}
    test = _Test(compared, planned, judged)
    found = [_moderate(test, asked[name], questionnaire) for name in planned.moderators]
    every = [each.outcome for moderation in found for each in moderation.interactions]
    adjusted = iter(adjust(every))
    return tuple(
        replace(
            moderation,
            interactions=tuple(replace(each, p_adjusted=next(adjusted)) for each in moderation.interactions),
        )
        for moderation in found
    )


def _moderate(test: "_Test", question: Question, questionnaire: pd.DataFrame) -> Moderation:
    rows = questionnaire[questionnaire["question"] == question.name]
    given = {str(rater): answer for rater, answer in zip(rows["rater"], rows["answer"], strict=True)}
    of_rater = [given.get(name) for name in test.compared.raters]  # by code
    n_unknown = sum(each is None for each in of_rater)
    if question.kind == "number":
        groups: tuple[GroupEffect, ...] = ()
        interactions: tuple[Interaction, ...] = (test.slope(of_rater),)
    else:
        groups = test.groups(of_rater, question.options)
        interactions = test.between(of_rater, [each.group for each in groups])
    return Moderation(
        name=question.name,
        question=question.question,
        n_unknown=n_unknown,
        groups=groups,
        interactions=interactions,
    )


@dataclass(frozen=True)
class _Test:
    """The cell scores of the primary contrast, and the tests on some of their raters."""

    compared: Compared
    planned: Planned
    judged: Judged

    @property
    def scores(self) -> CellScores:
        return self.compared.scores(self.planned.score)

    def take(self, raters: Codes) -> CellScores:
        """Return the cells of some raters, by their codes; raters and prompts are numbered anew."""
        scores, answers = self.scores, self.compared.answers
        kept = np.isin(scores.rater, raters)
        rater = np.unique(scores.rater[kept], return_inverse=True)[1]
        prompts, prompt = np.unique(scores.prompt[kept], return_inverse=True)
        n = scores.n
        if isinstance(answers, Ratings):
            n = answers.take(np.isin(answers.rater, self.compared.cells.raters[raters])).count()
        n = replace(n, raters=len(set(rater.tolist())), prompts=prompts.size, cells=int(kept.sum()))
        concepts = None if scores.concepts is None else scores.concepts.take(prompts)
        return CellScores(rater, prompt, scores.values[kept], scores.weight[kept], n, concepts)

    def groups(self, of_rater: Sequence[object], options: Sequence[str]) -> tuple[GroupEffect, ...]:
        found = []
        for option in options:
            raters = np.flatnonzero([each == option for each in of_rater])
            if raters.size >= MIN_GROUP:
                outcome = crossed_t(self.take(raters), self._labels(option), alpha=self.planned.alpha)
                found.append(GroupEffect(group=option, n_raters=int(raters.size), outcome=outcome))
        return tuple(found)

    def _labels(self, group: str) -> OutcomeLabels:
        score, (first, second) = self.planned.score, self.planned.contrast
        return OutcomeLabels(
            "crossed t",
            f"{SCORES[score]} of “{first}” minus “{second}” among raters who answered “{group}”",
            score,
            SCORES[score],
            bounds=bounds_of(score, self.judged),
        )

    def between(self, of_rater: Sequence[object], groups: Sequence[str]) -> tuple[Interaction, ...]:
        """Compare each group with the first one."""
        if len(groups) < 2:
            reason = f"fewer than two groups have {MIN_GROUP} raters or more with answers to both arms"
            return (Interaction(name="between groups", outcome=self._not_estimable(reason, self.scores.n)),)
        reference, *others = groups
        return tuple(
            Interaction(
                name=f"{group} − {reference}",
                outcome=self._interaction(
                    {group: 0.5, reference: -0.5}, of_rater, f"“{group}” minus “{reference}”"
                ),
            )
            for group in others
        )

    def slope(self, of_rater: Sequence[object]) -> Interaction:
        """Test the change of the difference per standard deviation of a number."""
        values = np.array([each for each in of_rater if isinstance(each, float)])
        if np.unique(values).size < 2:
            reason = "fewer than two different numbers were given by raters with answers to both arms"
            return Interaction(name="per SD", outcome=self._not_estimable(reason, self.scores.n))
        middle, sd = float(values.mean()), float(values.std(ddof=1))
        x_of = {each: (each - middle) / sd for each in values.tolist()}
        outcome = self._interaction(x_of, of_rater, f"per standard deviation ({sd:.3g})")
        return Interaction(name=f"per SD ({sd:.3g})", outcome=outcome)

    def _interaction(self, x_of: Mapping[object, float], of_rater: Sequence[object], what: str) -> Outcome:
        raters = np.flatnonzero([each is not None and each in x_of for each in of_rater])
        scores = self.take(raters)
        x_of_rater = np.array([x_of[of_rater[rater]] for rater in raters.tolist()], dtype=np.float64)
        # of the size of ±1/2, so that the search for the variances is as for two groups
        unit = float(np.ptp(x_of_rater))
        fit = _fit(scores, x_of_rater[scores.rater] / unit)
        if isinstance(fit, NoMixedFit):
            return self._not_estimable(fit.reason, scores.n)
        if fit.df < MIN_INFORMATIVE_DF:
            return self._not_estimable("the precision of the variances is unknown", scores.n)
        estimate, error = fit.estimate / unit, fit.standard_error / unit
        half = float(stats.t.ppf(1 - self.planned.alpha / 2, fit.df)) * error
        interval = Interval(estimate - half, estimate + half, 1 - self.planned.alpha)
        return Result(
            test=TEST,
            estimand=f"change of the difference in {SCORES[self.planned.score]}, {what}",
            score=self.planned.score,
            estimate=estimate,
            interval=interval if fit.df >= MIN_DF else None,
            unclipped_interval=interval,
            standard_error=error,
            symbol="t",
            statistic=estimate / error,
            df=fit.df,
            p=float(2 * stats.t.sf(abs(estimate / error), fit.df)),
            n=scores.n,
            claim=CLAIM,
            method=METHOD,
            reference=REFERENCE,
            warnings=too_few_df(fit.df),
            settings={"alpha": self.planned.alpha},
        )

    def _not_estimable(self, reason: str, n: Counts) -> NotEstimable:
        return NotEstimable(test=TEST, score=self.planned.score, reason=reason, n=n)


def _fit(scores: CellScores, x: Floats) -> MixedFit | NoMixedFit:
    """Fit the model with every random effect that the cells can distinguish from the error."""
    levels = {"rater": scores.rater, "prompt": scores.prompt}
    if scores.concepts is not None:
        levels["concept"] = scores.concept
        if scores.concepts.is_crossed:
            levels["shared_prompt"] = scores.shared_prompt
    factors = {name: of for name, of in levels.items() if np.unique(of).size < of.size}
    if not factors:
        return NoMixedFit("each rater and each prompt has one rater × prompt cell")
    slopes = tuple(name for name, of in factors.items() if name != "rater" and _has_slopes(of, x))
    return fit_mixed_model(scores.values, x, factors, slopes=slopes)


def _has_slopes(of: Codes, x: Floats) -> bool:
    """Return whether at least two levels differ in x, and whether they have enough cells for a slope each."""
    low, high = (np.full(int(of.max()) + 1, end) for end in (np.inf, -np.inf))
    np.minimum.at(low, of, x)
    np.maximum.at(high, of, x)
    return int((high > low).sum()) >= 2 and 2 * np.unique(of).size < of.size
