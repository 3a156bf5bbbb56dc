"""Fit Bradley and Terry's model with Davidson's ties: how strong each arm is, from choices between two.

With strengths π = exp(λ), of π_i + π_j + τ √(π_i π_j) meetings i wins π_i, j wins π_j, and the rest are ties.
It is a multinomial logit with utilities λ_i, log τ + (λ_i + λ_j) / 2 and λ_j, so its log-likelihood is
concave and Newton's method finds the one maximum. The side that a text stands on may add half of s on the
left and take as much away on the right (Davidson & Beaver 1977). Without ties τ is left out, which leaves
Bradley and Terry's model.

References: Bradley & Terry 1952, Biometrika 39:324–345; Davidson 1970, J. Am. Stat. Assoc. 65:317–328;
Davidson & Beaver 1977, Biometrics 33:693–702; for when there is a maximum Ford 1957, Am. Math. Mon. 64:28–33.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Floats = NDArray[np.float64]
FIRST, TIE, SECOND = 0, 1, 2
"""How a choice can end: for the first of its two arms, for neither, for the second."""
_ITERATIONS = 60
_FARTHEST = 20.0
"""No log strength is this far from another: it is on its way to infinity."""
_LARGEST_STEP = 4.0


@dataclass(frozen=True)
class Meetings:
    """What can meet what: arrays run over kinds of meeting."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    left: Floats
    """1 where the first stands on the left, −1 where on the right, 0 where nobody knows."""
    n_arms: int


@dataclass(frozen=True)
class Strengths:
    """Fits to any number of tables of counts at once; arrays run over tables."""

    log_strength: Floats
    """(tables, arms), the first arm's being 0; NaN where a table has no maximum."""
    log_tie: Floats | None
    """log τ; (tables,)."""
    side: Floats | None
    """s, what standing on the left adds to the log odds of winning; (tables,)."""
    log_likelihood: Floats
    """(tables,)"""


def has_maximum(meetings: Meetings, counts: Floats) -> bool:
    """Say whether there is a finite fit: whoever is split off has won from, and lost to, the others.

    A tie counts both ways.
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
        meetings: What met what.
        counts: (tables, meetings, 3): how often the first won, neither, the second; any weights.
        ties: Whether τ is fitted; without it ties must have no counts.
        sides: Whether s is fitted.
    """
    design = _design(meetings, ties=ties, sides=sides)  # meeting outcome parameter
    totals = counts.sum(axis=2)  # table meeting
    point = np.zeros((counts.shape[0], design.shape[2]))
    identity = np.eye(design.shape[2]) * 1e-10
    for _ in range(_ITERATIONS):
        share = _shares(design, point, ties=ties)  # table meeting outcome
        expected = np.einsum("tmo,mop->tmp", share, design)
        slope = np.einsum("tmo,mop->tp", counts, design) - np.einsum("tm,tmp->tp", totals, expected)
        square = np.einsum("tm,tmo,mop,moq->tpq", totals, share, design, design, optimize=True)
        square -= np.einsum("tm,tmp,tmq->tpq", totals, expected, expected, optimize=True)
        size = np.maximum(totals.sum(axis=1), 1.0)[:, None]
        step = np.linalg.solve(square / size[..., None] + identity, (slope / size)[..., None])[..., 0]
        point = np.clip(point + np.clip(step, -_LARGEST_STEP, _LARGEST_STEP), -2 * _FARTHEST, 2 * _FARTHEST)
        if np.abs(step).max(initial=0.0) < 1e-12:
            break
    share = _shares(design, point, ties=ties)
    with np.errstate(divide="ignore"):
        log_share = np.where(counts > 0, np.log(np.maximum(share, np.finfo(float).tiny)), 0.0)
    ran_off = np.abs(point).max(axis=1) > _FARTHEST
    point = np.where(ran_off[:, None], np.nan, point)
    n_free = meetings.n_arms - 1
    return Strengths(
        log_strength=np.column_stack([np.where(ran_off, np.nan, 0.0), point[:, :n_free]]),
        log_tie=point[:, n_free] if ties else None,
        side=point[:, -1] if sides else None,
        log_likelihood=(counts * log_share).sum(axis=(1, 2)),
    )


def _design(meetings: Meetings, *, ties: bool, sides: bool) -> Floats:
    """Lay out what an outcome of a meeting takes of λ of all arms but the first, of log τ, and of s."""
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
    utility -= utility.max(axis=2, keepdims=True)
    grown = np.exp(utility)
    shares: Floats = grown / grown.sum(axis=2, keepdims=True)
    return shares
