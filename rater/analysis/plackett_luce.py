"""Plackett–Luce model: strengths of arms from rankings and from best–worst choices of several texts.

A text of an arm with log strength λ is chosen as the best of a set with probability exp(λ) / Σ exp(λ_j) (Luce
1959). An answer is a series of such choices, its *stages*:

- A ranking chooses the best of all texts, then the best of the rest, and so on (Plackett 1975).
- A best–worst answer chooses the best of all texts, then the worst of the rest with probability
  exp(−λ) / Σ exp(−λ_j): the sequential best–worst model (Marley & Louviere 2005). It takes the best to be
  chosen first. The joint model of both, maxdiff, has the same order of strengths and nearly the same values.

Each stage is a conditional logit, so the log-likelihood is concave, and Newton's method finds its only
maximum. choix fits one table of rankings at a time and no worst choices; the bootstrap needs thousands of
fits at once, hence the vectorised Newton. A test compares the fits of rankings with choix.

References: Luce 1959, Individual Choice Behavior; Plackett 1975, J. R. Stat. Soc. C 24:193–202; Marley &
Louviere 2005, J. Math. Psychol. 49:464–480; for when there is a maximum Hunter 2004, Ann. Stat. 32:384–406.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import expit

from rater.analysis.arm_strengths import ArmRanking, ArmStrength, Quantify, resample_counts
from rater.analysis.intervals import REFERENCE
from rater.analysis.results import Counts, NotEstimable
from rater.study.rankings import Response

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]


MODELS: dict[Response, str] = {
    "ranking": "Plackett–Luce",
    "best_worst": "sequential best–worst Plackett–Luce",
}
PUBLISHED = (
    "Plackett 1975, J. R. Stat. Soc. C 24:193–202; Marley & Louviere 2005, J. Math. Psychol. 49:464–480; "
    + REFERENCE
)
_MAX_ITERATIONS = 60
# A log strength beyond this is on its way to infinity.
_MAX_LOG_STRENGTH = 20.0
# Full Newton steps can overshoot where an arm is nearly always chosen.
_MAX_STEP = 4.0


@dataclass(frozen=True)
class Stages:
    """The kinds of choice: a set of arms, of which the best or the worst is chosen."""

    members: Floats
    """(kinds, arms): the number of texts of each arm in the set."""
    sign: Floats
    """(kinds,): 1 where the best is chosen, −1 where the worst is."""

    @property
    def n_arms(self) -> int:
        """The number of arms."""
        return int(self.members.shape[1])


def has_maximum(stages: Stages, counts: Floats) -> bool:
    """Return whether the maximum-likelihood estimate is finite (Hunter 2004, assumption 1).

    It is finite if, for every split of the arms into two groups, some text of each group was placed above one
    of the other: the graph with an edge from each arm to the arms placed below it is strongly connected.

    Args:
        stages: The kinds of choice.
        counts: (kinds, arms): how often each arm was chosen.
    """
    kind, chosen = np.nonzero(counts)
    above, below = [], []
    for of, arm in zip(kind.tolist(), chosen.tolist(), strict=True):
        others = [other for other in np.flatnonzero(stages.members[of]).tolist() if other != arm]
        pair = ([arm] * len(others), others)
        winners, losers = pair if stages.sign[of] > 0 else pair[::-1]
        above += winners
        below += losers
    graph = csr_array((np.ones(len(above)), (above, below)), shape=(stages.n_arms,) * 2)
    n_parts: int = connected_components(graph, directed=True, connection="strong")[0]
    return n_parts == 1


def fit_log_strengths(stages: Stages, counts: Floats) -> Floats:
    """Fit every table of counts. Costs up to 60 Newton steps of tables × kinds × arms².

    Args:
        stages: The kinds of choice.
        counts: (tables, kinds, arms): how often each arm was chosen; any weights.

    Returns:
        (tables, arms): log strengths, 0 for the first arm; NaN where a table has no maximum.
    """
    totals = counts.sum(axis=2)  # table kind
    size = np.maximum(totals.sum(axis=1), 1.0)[:, None]
    point = np.zeros((counts.shape[0], stages.n_arms))
    identity = np.eye(stages.n_arms - 1) * 1e-10
    signed = counts * stages.sign[:, None]
    for _ in range(_MAX_ITERATIONS):
        share = _shares(stages, point)  # table kind arm
        expected = totals[..., None] * share
        # With s the sign of a stage and N its choices, the gradient is Σ s (count − N share), and the
        # information Σ N (diag(share) − share share'), since s² = 1.
        slope = (signed - expected * stages.sign[:, None]).sum(axis=1)
        square = -np.einsum("tka,tkb->tab", expected, share, optimize=True)
        square[:, range(stages.n_arms), range(stages.n_arms)] += expected.sum(axis=1)
        # Divided by the number of choices, so that the small ridge that keeps a singular table solvable has
        # the same relative size in all tables.
        step = np.linalg.solve(
            square[:, 1:, 1:] / size[..., None] + identity, (slope[:, 1:] / size)[..., None]
        )[..., 0]
        moved = point[:, 1:] + np.clip(step, -_MAX_STEP, _MAX_STEP)
        point[:, 1:] = np.clip(moved, -2 * _MAX_LOG_STRENGTH, 2 * _MAX_LOG_STRENGTH)
        if np.abs(step).max(initial=0.0) < 1e-12:
            break
    diverged = np.abs(point).max(axis=1, initial=0.0) > _MAX_LOG_STRENGTH
    return np.where(diverged[:, None], np.nan, point)


def _shares(stages: Stages, point: Floats) -> Floats:
    """Return the probability that each arm is chosen: (tables, kinds, arms)."""
    utility = point[:, None, :] * stages.sign[:, None]
    with np.errstate(divide="ignore"):
        utility = utility + np.log(stages.members)  # −∞ for an arm that is not in the set
    # Only differences of utilities matter, and without large ones exp cannot overflow.
    grown = np.exp(utility - utility.max(axis=2, keepdims=True))
    shares: Floats = grown / grown.sum(axis=2, keepdims=True)
    return shares


@dataclass(frozen=True)
class _Table:
    """The choices as counts, by kind of stage, arm and prompt (rows) and rater (columns)."""

    arms: list[str]
    stages: Stages
    counts: csr_array
    n_prompts: int
    n: Counts

    @property
    def shape(self) -> tuple[int, int, int]:
        """Kinds, arms, prompts."""
        return self.stages.sign.size, len(self.arms), self.n_prompts

    @property
    def observed(self) -> Floats:
        """All choices together: kind arm."""
        summed: Floats = np.asarray(self.counts.sum(axis=1)).reshape(self.shape).sum(axis=2)
        return summed


def rank_arms_of_trials(
    rows: pd.DataFrame,
    trial: Codes,
    response: Response,
    control: str,
    *,
    alpha: float,
    rng: np.random.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> ArmRanking | NotEstimable:
    """Fit the model to all answers about several texts; costs up to 2,000 small fits for the intervals.

    Intervals are percentiles of the pigeonhole bootstrap over raters and prompts, so that they hold for
    crossed designs; those of the likelihood take all answers as independent.

    Args:
        rows: One row for each text of each trial: rater, prompt, item, arm, and answer (higher is better).
        trial: (rows,): the trial of each row.
        response: Whether the answers are rankings, or best–worst choices.
        control: The arm with log strength 0.
        alpha: Intervals cover 1 − alpha.
        rng: Draws the bootstrap.
        progress: Told how many of how many replicates are done.
    """
    table = _count(rows, trial, response, control)
    model = MODELS[response]
    if len(table.arms) < 2 or control not in table.arms:
        reason = f"no text of “{control}” was compared with another"
        return NotEstimable(test=model, score="answers", reason=reason, n=table.n)
    if not has_maximum(table.stages, table.observed):
        reason = (
            "an arm, or a group of arms, was always above or always below the others, or was never compared "
            "with them, so the maximum likelihood estimate is infinite"
        )
        return NotEstimable(test=model, score="answers", reason=reason, n=table.n)
    fit = fit_log_strengths(table.stages, table.observed[None])[0]
    resampled = resample_counts(table.counts, table.shape, table.n, rng=rng, progress=progress)
    replicates = [fit_log_strengths(table.stages, counts) for counts in resampled]
    return _describe(table, fit, replicates, alpha=alpha, model=model)


def _count(rows: pd.DataFrame, trial: Codes, response: Response, control: str) -> _Table:
    names = sorted(set(rows["arm"]))
    arms = [control, *(name for name in names if name != control)] if control in names else names
    arm = rows["arm"].map({name: place for place, name in enumerate(arms)}).to_numpy(dtype=np.intp)
    (rater, raters), (prompt, prompts) = (
        pd.factorize(rows[column], sort=True) for column in ("rater", "prompt")
    )
    orders = _orders_by_length(trial, rows["answer"].to_numpy(dtype=np.float64))
    chosen, sets, signs, row = _list_stages(orders, arm, response, len(arms))
    kinds, kind = np.unique(np.column_stack([sets, signs]), axis=0, return_inverse=True)
    at = (kind.ravel() * len(arms) + chosen) * len(prompts) + prompt[row]
    counts = csr_array(
        (np.ones(at.size), (at, rater[row])),
        shape=(kinds.shape[0] * len(arms) * len(prompts), max(len(raters), 1)),
    )
    n = Counts(
        raters=len(raters),
        prompts=len(prompts),
        items=rows["item"].nunique(),
        answers=np.unique(trial).size,
        cells=len(rows[["rater", "prompt"]].drop_duplicates()),
    )
    return _Table(arms, Stages(kinds[:, :-1], kinds[:, -1]), counts, len(prompts), n)


def _orders_by_length(trial: Codes, answer: Floats) -> list[Codes]:
    """Sort the rows of each trial from best to worst: (trials, texts) for each number of texts."""
    order = np.lexsort((-answer, trial))
    _, start, size = np.unique(trial[order], return_index=True, return_counts=True)
    return [order[start[size == n][:, None] + np.arange(n)] for n in np.unique(size).tolist() if n > 1]


def _list_stages(
    orders: Sequence[Codes], arm: Codes, response: Response, n_arms: int
) -> tuple[Codes, Floats, Floats, Codes]:
    """List the stages of all trials: the arm chosen, the set (stages, arms), the sign, a row of the trial."""
    chosen, row = [np.empty(0, dtype=np.intp)], [np.empty(0, dtype=np.intp)]
    sets, signs = [np.empty((0, n_arms))], [np.empty(0)]
    for at in orders:
        placed, n_texts = arm[at], at.shape[1]
        stages = [(first, slice(first, None), 1.0) for first in range(n_texts - 1)]
        if (
            response == "best_worst"
        ):  # the best of all, then the worst of the rest; of two, one choice is both
            stages = [(0, slice(0, None), 1.0), (-1, slice(1, None), -1.0)][: n_texts - 1]
        for taken, among, sign in stages:
            chosen.append(placed[:, taken])
            sets.append((placed[:, among, None] == np.arange(n_arms)).sum(axis=1).astype(np.float64))
            signs.append(np.full(len(at), sign))
            row.append(at[:, 0])
    return np.concatenate(chosen), np.concatenate(sets), np.concatenate(signs), np.concatenate(row)


def _describe(
    table: _Table, fit: Floats, replicates: Sequence[Floats], *, alpha: float, model: str
) -> ArmRanking:
    quantify = Quantify(table.n, alpha, model, PUBLISHED)
    control = table.arms[0]

    def strength(index: int) -> ArmStrength:
        arm, drawn = table.arms[index], [each[:, index] for each in replicates]
        return ArmStrength(
            arm,
            quantify(
                f"log strength of {arm}",
                f"log odds that the text of “{arm}” is chosen from one of it and one of “{control}”",
                float(fit[index]),
                drawn,
            ),
            quantify(
                f"win rate of {arm}",
                f"probability that the text of “{arm}” is chosen from one of it and one of “{control}”",
                float(expit(fit[index])),
                [expit(each) for each in drawn],
            ),
        )

    order = 1 + np.argsort(-fit[1:], kind="stable")
    return ArmRanking(
        control=control,
        arms=tuple(strength(index) for index in order.tolist()),
        n=table.n,
        model=model,
        method="maximum likelihood on all answers; pigeonhole bootstrap over raters and prompts",
        reference=PUBLISHED,
    )
