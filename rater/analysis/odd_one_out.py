"""Odd-one-out trials (triangle test): the proportion of odd texts found, against chance, for each contrast.

Raters who cannot tell two arms apart find the odd one of three texts with probability 1/3. The proportion
correct over raters and prompts has the interval and the test of `rater.analysis.crossed_proportion`, and d'
is that of `rater.analysis.triangle_test`.

If texts of one arm vary more than those of the other, the odd text is found more often where it is of the
more uniform arm's counterpart: the proportions by the arm of the odd text, and their difference, show that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from rater.analysis.answer_scale import Judged
from rater.analysis.cell_scores import read_concepts
from rater.analysis.contrast_data import Cells, score_cells, select_ratings
from rater.analysis.crossed import OutcomeLabels, compare, crossed_t, over_scope
from rater.analysis.crossed_proportion import TEST, proportion_of
from rater.analysis.d_prime import DPrime
from rater.analysis.intervals import Bounds
from rater.analysis.odd_trials import CHOSEN_PLACE, ODD_PLACE, trials_between
from rater.analysis.plan import Planned
from rater.analysis.preferences import Preferred
from rater.analysis.results import Estimate, Interval, NotEstimable, Outcome, Quantity, Result
from rater.analysis.sentences import CLAIM, SCOPES, coverage, number, p_value
from rater.analysis.triangle_test import CHANCE, d_prime_with_interval
from rater.study.analysis_plan import PlannedScore, Scope
from rater.study.text_choices import N_IN_TRIANGLE, OddScore

_ASYMMETRY = Bounds(-1.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class OddByArm:
    """The trials of a contrast in which the odd text is of one arm."""

    arm: str
    n: int
    n_correct: int


@dataclass(frozen=True, kw_only=True)
class Distinguished:
    """Trials of two arms, and the proportion in which raters told their texts apart."""

    arm: str
    other: str
    n: int
    n_correct: int
    proportion: Quantity
    """Over raters and prompts (and concepts), with its interval; p against chance is in the settings."""
    d_prime: DPrime
    p_adjusted: float | None
    """p after Holm among the further contrasts; that of the primary contrast is its own."""
    is_primary: bool
    by_odd_arm: tuple[OddByArm, ...]
    asymmetry: Outcome
    """The proportion correct with the odd text in the first arm, minus that with it in the second."""


@dataclass(frozen=True, kw_only=True)
class PlaceOfOdd:
    """The trials by the place chosen, and by the place of the odd text."""

    place: int
    n_chosen: int
    n_odd: int
    n_correct: int
    """Of the trials with the odd text in this place."""


@dataclass(frozen=True, kw_only=True)
class OddOneOutResults:
    """The odd-one-out trials of one dimension."""

    chance: float
    contrasts: tuple[Distinguished, ...]
    """The primary one first."""
    places: tuple[PlaceOfOdd, ...]
    n: int


def estimate_proportion(cells: Cells, *, alpha: float, scope: Scope | None) -> Quantity:
    """Estimate the proportion of odd texts found for the two arms of some cells. Costs one crossed test."""
    scores = cells.scores("scale_points")
    first, second = cells.contrast
    proportions = type(scores)(
        scores.rater, scores.prompt, scores.values + CHANCE, scores.weight, scores.n, scores.concepts
    )
    return proportion_of(
        proportions,
        name="proportion correct",
        estimand=f"probability that the odd one of three texts of “{first}” and “{second}” is found",
        chance=CHANCE,
        alpha=alpha,
        scope=scope,
    )


def excess_test(cells: Cells, score: PlannedScore, *, alpha: float, scope: Scope | None) -> Outcome:
    """Test whether the odd text is found more or less often than by guessing.

    The estimate is the proportion correct minus 1/3. The interval is that of the proportion; t divides by the
    standard error under chance, and equivalence tests use the same one.
    """
    if cells.no_cells:
        return NotEstimable(test=TEST, score=score, reason=cells.no_cells, n=cells.n)
    found = estimate_proportion(cells, alpha=alpha, scope=scope)
    if isinstance(found, NotEstimable):
        estimate = None if found.estimate is None else found.estimate - CHANCE
        return NotEstimable(test=TEST, score=score, reason=found.reason, estimate=estimate, n=found.n)
    assert found.interval is not None  # noqa: S101 (an estimated proportion has one)
    interval = Interval(found.interval.low - CHANCE, found.interval.high - CHANCE, found.interval.level)
    error = float(np.sqrt(CHANCE * (1 - CHANCE) / float(found.settings["n_effective"])))
    estimate = found.estimate - CHANCE
    return Result(
        test=TEST,
        estimand=cells.estimand(score),
        score=score,
        estimate=estimate,
        interval=interval,
        unclipped_interval=interval,
        standard_error=error,
        symbol="t",
        statistic=estimate / error,
        df=float(found.settings["df"]),
        p=float(found.settings["p"]),
        n=found.n,
        claim=CLAIM if scope is None else f"The claim is about {SCOPES[scope]}.",
        method=f"proportion of odd texts found against 1/3: {found.method}",
        reference=found.reference,
        warnings=(*found.warnings, *cells.warnings),
        settings={"alpha": alpha, "chance": CHANCE, "n_effective": found.settings["n_effective"]},
    )


def odd_one_out(
    frame: pd.DataFrame,
    judged: Judged,
    planned: Planned,
    adjusted: Sequence[tuple[tuple[str, str], float | None]],
) -> OddOneOutResults | None:
    """Describe the odd-one-out trials of a dimension; None on another scale. Costs two tests per contrast.

    Args:
        frame: The trials that are analysed, one row each.
        judged: The dimension.
        planned: The contrast and the scope.
        adjusted: The further contrasts, each with its p after Holm.
    """
    if not isinstance(judged.scale, OddScore):
        return None
    rows = frame[frame["dimension"] == judged.name]
    others = [each for each in adjusted if set(each[0]) != set(planned.contrast)]
    return OddOneOutResults(
        chance=CHANCE,
        contrasts=tuple(
            _distinguish(rows, contrast, judged, planned, p_adjusted=p)
            for contrast, p in [(planned.contrast, None), *others]
        ),
        places=_count_places(rows),
        n=len(rows),
    )


def _distinguish(
    rows: pd.DataFrame,
    contrast: tuple[str, str],
    judged: Judged,
    planned: Planned,
    *,
    p_adjusted: float | None,
) -> Distinguished:
    between = trials_between(rows, contrast)
    compared = compare(rows, contrast, judged)
    proportion = estimate_proportion(compared.cells, alpha=planned.alpha, scope=planned.scope)
    interval = proportion.interval if isinstance(proportion, Estimate) else None
    estimate = proportion.estimate
    is_primary = contrast == planned.contrast
    if is_primary and isinstance(proportion, Estimate):
        p_adjusted = float(proportion.settings["p"])
    return Distinguished(
        arm=contrast[0],
        other=contrast[1],
        n=len(between),
        n_correct=int(between["answer"].sum()),
        proportion=proportion,
        d_prime=DPrime(None, None, None) if estimate is None else d_prime_with_interval(estimate, interval),
        p_adjusted=p_adjusted,
        is_primary=is_primary,
        by_odd_arm=tuple(_by_arm(between, arm) for arm in contrast),
        asymmetry=_compare_odd_arms(between, contrast, judged, planned),
    )


def _compare_odd_arms(
    between: pd.DataFrame, contrast: tuple[str, str], judged: Judged, planned: Planned
) -> Outcome:
    cells = score_cells(select_ratings(between, contrast, judged.name))
    name, (first, second) = "asymmetry, crossed t", contrast
    if cells.no_cells:
        reason = f"no rater has answered trials of a prompt with the odd text in “{first}” and in “{second}”"
        return NotEstimable(test=name, score="answers", reason=reason, n=cells.n)
    what = (
        f"how much more often the odd text is found where it is of “{first}” than where it is of “{second}”"
    )
    about = OutcomeLabels(name, what, "answers", "difference of proportions", bounds=_ASYMMETRY)
    return crossed_t(over_scope(cells.scores("scale_points"), planned.scope), about, alpha=planned.alpha)


def _by_arm(rows: pd.DataFrame, arm: str) -> OddByArm:
    own = rows.loc[rows["arm"] == arm, "answer"]
    return OddByArm(arm=arm, n=len(own), n_correct=int(own.sum()))


def _count_places(rows: pd.DataFrame) -> tuple[PlaceOfOdd, ...]:
    places = range(1, N_IN_TRIANGLE + 1)
    return tuple(
        PlaceOfOdd(
            place=place,
            n_chosen=int((rows[CHOSEN_PLACE] == place).sum()),
            n_odd=int((rows[ODD_PLACE] == place).sum()),
            n_correct=int(rows.loc[rows[ODD_PLACE] == place, "answer"].sum()),
        )
        for place in places
    )


def select_odd_choices(rows: pd.DataFrame, contrast: tuple[str, str]) -> Preferred:
    """Select the odd-one-out trials of two arms on a dimension. Costs one sort.

    Args:
        rows: The trials of the two arms (`rater.analysis.odd_trials.trials_between`).
        contrast: The two arms.
    """
    rater, prompt, item = (pd.factorize(rows[column], sort=True)[0] for column in ("rater", "prompt", "item"))
    return Preferred(
        contrast,
        rater=rater,
        prompt=prompt,
        pair=item,
        answer=rows["answer"].to_numpy(dtype=np.float64) - CHANCE,
        concepts=read_concepts(rows),
        chance=CHANCE,
    )


def naive_binomial_test(chosen: Preferred) -> Outcome:
    """Make the naive test, which takes all trials as independent: the binomial test against chance.

    In R: ``binom.test(correct, n, 1/3)``.
    """
    n, correct = chosen.count(), int((chosen.answer > 0).sum())
    if not n.answers:
        return NotEstimable(test="naive sign test", score="answers", reason="there are no choices", n=n)
    first, second = chosen.contrast
    return Result(
        test="naive binomial test",
        estimand=f"how much more often than by guessing “{first}” and “{second}” are told apart, pooled",
        score="answers",
        estimate=correct / n.answers - CHANCE,
        interval=None,
        standard_error=None,
        symbol="correct",
        statistic=float(correct),
        df=None,
        p=float(stats.binomtest(correct, n.answers, CHANCE).pvalue),
        n=n,
        claim="It counts every choice as if another rater had made it about another prompt.",
        method="exact binomial test of the odd texts found against chance",
        reference="Clopper & Pearson 1934, Biometrika 26:404–413",
    )


def describe_result(contrast: tuple[str, str], name: str, result: Result, *, p: float, verdict: str) -> str:
    """Return the result as a sentence, with the proportion, its interval and d'.

    Args:
        contrast: The two arms.
        name: The dimension.
        result: That of `excess_test`, or of a test by rater or by prompt.
        p: The p-value that counts.
        verdict: "higher", "lower", "equivalent" or "inconclusive", of the proportion against chance.
    """
    found = f"the odd one of three texts was found in {_percent(result.estimate + CHANCE)} of trials"
    evidence = [p_value(p), f"by guessing {_percent(CHANCE)}"]
    interval = result.interval
    if interval is not None:
        low, high = interval.low + CHANCE, interval.high + CHANCE
        evidence.insert(0, f"{coverage(interval.level)} CI {_percent(low)} to {_percent(high)}")
        shifted = Interval(low, high, interval.level)
        evidence.append(describe_d_prime(d_prime_with_interval(result.estimate + CHANCE, shifted)))
    return f"{_lead(contrast, name, verdict)}: {found} ({', '.join(evidence)})" + (
        ". This is not evidence that they cannot be told apart." if verdict == "inconclusive" else "."
    )


def _lead(contrast: tuple[str, str], name: str, verdict: str) -> str:
    first, second = contrast
    both = f"“{first}” and “{second}”"
    if verdict == "higher":
        return f"Raters told {both} apart on {name}"
    if verdict == "lower":
        return f"Raters found the odd text less often than by guessing among texts of {both} on {name}"
    if verdict == "equivalent":
        return f"Raters told {both} apart hardly more often than by guessing on {name}"
    return f"It is not shown that raters can tell {both} apart on {name}"


def describe_d_prime(found: DPrime) -> str:
    """Return d' with its interval; an end that is not finite is ∞."""
    low, high = ("∞" if end is None else number(end) for end in (found.low, found.high))
    estimate = "∞" if found.estimate is None else number(found.estimate)
    return f"d' {estimate}, {low} to {high}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"
