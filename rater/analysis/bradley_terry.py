"""Bradley–Terry model with Davidson's ties: strengths of more than two arms from pairwise choices.

With strengths π = exp(λ), P(i wins) = π_i / d, P(j wins) = π_j / d and P(tie) = τ √(π_i π_j) / d with d = π_i
+ π_j + τ √(π_i π_j). This is a multinomial logit with utilities λ_i, log τ + (λ_i + λ_j) / 2 and λ_j, so the
log-likelihood is concave and Newton's method finds its only maximum. Optionally the side of the screen adds s
/ 2 to the utility of the left text and subtracts it on the right (Davidson & Beaver 1977). Without ties τ is
left out, which gives the Bradley–Terry model.

choix has neither ties nor sides; the bootstrap needs thousands of fits at once, hence the vectorised Newton.

References: Bradley & Terry 1952, Biometrika 39:324–345; Davidson 1970, J. Am. Stat. Assoc. 65:317–328;
Davidson & Beaver 1977, Biometrics 33:693–702; for when there is a maximum Ford 1957, Am. Math. Mon. 64:28–33.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from rater.analysis.arm_strengths import ArmRanking, ArmStrength, Quantify, resample_counts
from rater.analysis.intervals import REFERENCE
from rater.analysis.preferences import pair_of
from rater.analysis.results import Counts, NotEstimable

Floats = NDArray[np.float64]
FIRST, TIE, SECOND = 0, 1, 2
"""The outcomes of a choice: the first arm wins, a tie, the second arm wins."""
_MAX_ITERATIONS = 60
# A log strength beyond this is on its way to infinity.
_MAX_LOG_STRENGTH = 20.0
# Full Newton steps can overshoot where an arm nearly always wins.
_MAX_STEP = 4.0


@dataclass(frozen=True)
class Meetings:
    """The kinds of comparison (two arms, and their sides); all arrays are (meetings,)."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    left: Floats
    """1 where the first arm is on the left, −1 where it is on the right, 0 where that is unknown."""
    n_arms: int


@dataclass(frozen=True)
class Strengths:
    """Fits to several tables of counts at once."""

    log_strength: Floats
    """(tables, arms), 0 for the first arm; NaN where a table has no maximum."""
    log_tie: Floats | None
    """log τ; (tables,)."""
    side: Floats | None
    """s, the increase of the log odds of winning on the left; (tables,)."""
    log_likelihood: Floats
    """(tables,)"""


def has_maximum(meetings: Meetings, counts: Floats) -> bool:
    """Return whether the maximum-likelihood estimate is finite (Ford 1957).

    It is finite if, for every split of the arms into two groups, some arm of each group has beaten one of the
    other: the graph of wins is strongly connected. A tie counts as a win for both.
    """
    wins = counts[:, FIRST] + counts[:, TIE]
    losses = counts[:, SECOND] + counts[:, TIE]
    rows = np.concatenate([meetings.first[wins > 0], meetings.second[losses > 0]])
    columns = np.concatenate([meetings.second[wins > 0], meetings.first[losses > 0]])
    graph = csr_array((np.ones(rows.size), (rows, columns)), shape=(meetings.n_arms,) * 2)
    n_parts: int = connected_components(graph, directed=True, connection="strong")[0]
    return n_parts == 1


def fit_strengths(meetings: Meetings, counts: Floats, *, ties: bool, sides: bool) -> Strengths:
    """Fit every table of counts. Costs up to 60 Newton steps of tables × meetings × parameters².

    Equal to R's ``glm(count ~ 0 + meeting + x1 + … + tie + side, poisson)`` with one row for each outcome of
    each meeting and the columns of `_design`, and without ties to ``BradleyTerry2::BTm``.

    Args:
        meetings: The kinds of comparison.
        counts: (tables, meetings, 3): wins of the first arm, ties, wins of the second; any weights.
        ties: Whether τ is fitted; otherwise ties must have no counts.
        sides: Whether s is fitted.
    """
    design = _design(meetings, ties=ties, sides=sides)  # meeting outcome parameter
    totals = counts.sum(axis=2)  # table meeting
    point = np.zeros((counts.shape[0], design.shape[2]))
    identity = np.eye(design.shape[2]) * 1e-10
    for _ in range(_MAX_ITERATIONS):
        share = _shares(design, point, ties=ties)  # table meeting outcome
        expected = np.einsum("tmo,mop->tmp", share, design)
        # With x the row of an outcome in the design and N the choices of a meeting, the gradient is
        # Σ count x − N E[x], and the information N (E[xx'] − E[x] E[x]').
        slope = np.einsum("tmo,mop->tp", counts, design) - np.einsum("tm,tmp->tp", totals, expected)
        square = np.einsum("tm,tmo,mop,moq->tpq", totals, share, design, design, optimize=True)
        square -= np.einsum("tm,tmp,tmq->tpq", totals, expected, expected, optimize=True)
        size = np.maximum(totals.sum(axis=1), 1.0)[:, None]
        # Divided by the number of choices, so that the small ridge that keeps a singular table solvable has
        # the same relative size in all tables.
        step = np.linalg.solve(square / size[..., None] + identity, (slope / size)[..., None])[..., 0]
        point = np.clip(
            point + np.clip(step, -_MAX_STEP, _MAX_STEP), -2 * _MAX_LOG_STRENGTH, 2 * _MAX_LOG_STRENGTH
        )
        if np.abs(step).max(initial=0.0) < 1e-12:
            break
    share = _shares(design, point, ties=ties)
    with np.errstate(divide="ignore"):
        log_share = np.where(counts > 0, np.log(np.maximum(share, np.finfo(float).tiny)), 0.0)
    diverged = np.abs(point).max(axis=1) > _MAX_LOG_STRENGTH
    point = np.where(diverged[:, None], np.nan, point)
    n_free = meetings.n_arms - 1
    return Strengths(
        log_strength=np.column_stack([np.where(diverged, np.nan, 0.0), point[:, :n_free]]),
        log_tie=point[:, n_free] if ties else None,
        side=point[:, -1] if sides else None,
        log_likelihood=(counts * log_share).sum(axis=(1, 2)),
    )


def _design(meetings: Meetings, *, ties: bool, sides: bool) -> Floats:
    """Return the coefficients of λ (without the first arm), log τ and s in the utility of each outcome.

    (meetings, outcomes, parameters).
    """
    strength = np.zeros((meetings.first.size, 3, meetings.n_arms))
    at = np.arange(meetings.first.size)
    strength[at, FIRST, meetings.first] = 1.0
    strength[at, SECOND, meetings.second] = 1.0
    strength[at, TIE] = (strength[at, FIRST] + strength[at, SECOND]) / 2
    columns = [strength[..., 1:]]
    if ties:
        columns.append(np.broadcast_to(np.array([0.0, 1.0, 0.0])[:, None], (meetings.first.size, 3, 1)))
    if sides:
        columns.append((meetings.left[:, None] * np.array([0.5, 0.0, -0.5]))[..., None])
    return np.concatenate(columns, axis=2)


def _shares(design: Floats, point: Floats, *, ties: bool) -> Floats:
    utility = np.einsum("mop,tp->tmo", design, point)
    if not ties:
        utility[..., TIE] = -np.inf
    # Only differences of utilities matter, and without large ones exp cannot overflow.
    utility -= utility.max(axis=2, keepdims=True)
    grown = np.exp(utility)
    shares: Floats = grown / grown.sum(axis=2, keepdims=True)
    return shares


MODEL = "Bradley–Terry–Davidson"
PUBLISHED = (
    "Davidson 1970, J. Am. Stat. Assoc. 65:317–328; Davidson & Beaver 1977, Biometrics 33:693–702; "
    + REFERENCE
)


@dataclass(frozen=True)
class _Table:
    """The choices as counts, by outcome (meeting × 3) and prompt (rows) and rater (columns)."""

    arms: list[str]
    meetings: Meetings
    counts: csr_array
    n_prompts: int
    n: Counts

    @property
    def shape(self) -> tuple[int, int, int]:
        """Meetings, outcomes, prompts."""
        return self.meetings.first.size, 3, self.n_prompts

    @property
    def observed(self) -> Floats:
        """All choices together: meeting outcome."""
        summed: Floats = np.asarray(self.counts.sum(axis=1)).reshape(self.shape).sum(axis=2)
        return summed


def rank_arms(
    frame: pd.DataFrame,
    dimension: str,
    control: str,
    *,
    alpha: float,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> ArmRanking | NotEstimable:
    """Fit Davidson's model to all choices on a dimension; costs up to 2,000 small fits for the intervals.

    Intervals are percentiles of the pigeonhole bootstrap over raters and prompts, so that they hold for
    crossed designs; those of the likelihood take all choices as independent.
    """
    table = _count(frame[frame["dimension"] == dimension], control)
    observed = table.observed
    if len(table.arms) < 2 or control not in table.arms:
        reason = f"no text of “{control}” was compared with another"
        return NotEstimable(test=MODEL, score="answers", reason=reason, n=table.n)
    if not has_maximum(table.meetings, observed):
        reason = (
            "an arm, or a group of arms, won or lost all choices against the others, or was never compared "
            "with them, so the maximum likelihood estimate is infinite"
        )
        return NotEstimable(test=MODEL, score="answers", reason=reason, n=table.n)
    ties, sides = bool(observed[:, TIE].any()), _has_both_sides(table.meetings, observed)
    fit = fit_strengths(table.meetings, observed[None], ties=ties, sides=sides)
    resampled = resample_counts(table.counts, table.shape, table.n, rng=rng, progress=progress)
    replicates = [fit_strengths(table.meetings, counts, ties=ties, sides=sides) for counts in resampled]
    return _describe(table, fit, replicates, alpha=alpha)


def _count(rows: pd.DataFrame, control: str) -> _Table:
    names = sorted({*rows["arm"], *rows["other_arm"]})
    arms = [control, *(name for name in names if name != control)] if control in names else names
    place = {name: index for index, name in enumerate(arms)}
    first, second = (rows[column].map(place).to_numpy(dtype=np.intp) for column in ("arm", "other_arm"))
    answer = np.sign(rows["answer"].to_numpy(dtype=np.float64))
    # 1 if the row's arm was on the left, −1 if on the right, 0 in all rows if any side is unknown
    left = np.zeros(len(rows))
    if "arm_is_left" in rows.columns and rows["arm_is_left"].notna().all():
        left = np.where(rows["arm_is_left"].to_numpy(dtype=np.bool_), 1.0, -1.0)
    swapped = first > second
    first, second = np.where(swapped, second, first), np.where(swapped, first, second)
    answer, left = np.where(swapped, -answer, answer), np.where(swapped, -left, left)
    kinds, meeting = np.unique(np.column_stack([first, second, left]), axis=0, return_inverse=True)
    outcome = np.select([answer > 0, answer == 0], [FIRST, TIE], SECOND)
    (rater, raters), (prompt, prompts) = (
        pd.factorize(rows[column], sort=True) for column in ("rater", "prompt")
    )
    row = (meeting.ravel() * 3 + outcome) * len(prompts) + prompt
    counts = csr_array(
        (np.ones(row.size), (row, rater)), shape=(kinds.shape[0] * 3 * len(prompts), max(len(raters), 1))
    )
    cells = len(rows[["rater", "prompt"]].drop_duplicates())
    n = Counts(
        raters=len(raters),
        prompts=len(prompts),
        items=pair_of(rows).nunique() if len(rows) else 0,
        answers=len(rows),
        cells=cells,
    )
    meetings = Meetings(kinds[:, 0].astype(np.intp), kinds[:, 1].astype(np.intp), kinds[:, 2], len(arms))
    return _Table(arms, meetings, counts, len(prompts), n)


def _has_both_sides(meetings: Meetings, observed: Floats) -> bool:
    """Return whether the side effect is estimable: both sides were used, and neither always won."""
    known = meetings.left != 0
    left_won = np.where(meetings.left > 0, observed[:, FIRST], observed[:, SECOND])[known]
    right_won = np.where(meetings.left > 0, observed[:, SECOND], observed[:, FIRST])[known]
    both = np.unique(meetings.left[known]).size == 2
    return bool(known.any() and both and left_won.sum() and right_won.sum())


def _describe(table: _Table, fit: Strengths, replicates: Sequence[Strengths], *, alpha: float) -> ArmRanking:
    quantify = Quantify(table.n, alpha, MODEL, PUBLISHED)
    control, *others = table.arms
    order = np.argsort(-fit.log_strength[0, 1:], kind="stable")
    tie = side = None
    if fit.log_tie is not None:
        words = "how readily arms tie: with parameter τ, two equal arms in τ / (2 + τ) of meetings"
        drawn = [np.exp(each.log_tie) for each in replicates if each.log_tie is not None]
        tie = quantify("tie parameter", words, float(np.exp(fit.log_tie[0])), drawn)
    if fit.side is not None:
        words = "log odds that the left of two equal texts is preferred"
        drawn = [each.side for each in replicates if each.side is not None]
        side = quantify("side effect", words, float(fit.side[0]), drawn)
    return ArmRanking(
        control=control,
        arms=tuple(
            _against_control((control, others[index]), index + 1, fit, replicates, quantify=quantify)
            for index in order.tolist()
        ),
        tie=tie,
        side=side,
        n=table.n,
        model=MODEL,
        method="maximum likelihood on all choices; pigeonhole bootstrap over raters and prompts",
        reference=PUBLISHED,
    )


def _against_control(
    names: tuple[str, str],
    index: int,
    fit: Strengths,
    replicates: Sequence[Strengths],
    *,
    quantify: Quantify,
) -> ArmStrength:
    """Return the strength of the arm at an index relative to the control, which is at 0."""
    control, arm = names
    drawn = [each.log_strength[:, index] for each in replicates]
    shares = [_win_share(each.log_strength[:, index], each.log_tie) for each in replicates]
    return ArmStrength(
        arm,
        quantify(
            f"log strength of {arm}",
            f"log odds that a text of “{arm}” is preferred to one of “{control}”, where one is",
            float(fit.log_strength[0, index]),
            drawn,
        ),
        quantify(
            f"win rate of {arm}",
            f"share of choices that “{arm}” wins against “{control}”, neither counting as half",
            float(_win_share(fit.log_strength[:, index], fit.log_tie)[0]),
            shares,
        ),
    )


def _win_share(log_strength: Floats, log_tie: Floats | None) -> Floats:
    """P(win) + P(tie) / 2 against the control, whose log strength is 0."""
    tie = 0.0 if log_tie is None else np.exp(log_tie + log_strength / 2)
    strength = np.exp(log_strength)
    share: Floats = (strength + tie / 2) / (strength + 1 + tie)
    return share
