"""The variance of the mean of a complete table with two or three random factors, in closed form.

Every random effect of a factor is shared by all cells of its level, and every interaction of two factors by
all cells of its pair of levels. So the variance of the mean of all cells is a sum of variance components, one
for each factor and each interaction, which is estimated by a combination of mean squares with Satterthwaite's
degrees of freedom: the quasi-F test of a mean. The functions take stacks of tables, so that simulations
need no loop.

References: Cornfield & Tukey 1956, Ann. Math. Stat. 27:907–949 (expected mean squares); Clark 1973, J. Verbal
Learn. Verbal Behav. 12:335–359; Satterthwaite 1946, Biometrics Bull. 2:110–114.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanVariance:
    """The variance of the mean of each table, and its degrees of freedom; (tables,)."""

    variance: Floats
    df: Floats


@dataclass(frozen=True)
class _MeanSquare:
    value: Floats
    df: int


def two_way(tables: Floats) -> MeanVariance:
    """Return the variance of the mean of complete tables; (…, raters, prompts).

    With R raters and P prompts, E[MS_R] = s_e + P s_r, E[MS_P] = s_e + R s_p and E[MS_E] = s_e, so the
    variance of the mean, s_r / R + s_p / P + s_e / (RP), is estimated by q / (RP) with q = MS_R + MS_P −
    MS_E. Its degrees of freedom are Satterthwaite's for q. The floor V = max(q, MS_R, MS_P) keeps the test
    from assuming less variance than either one-way test; where it applies, the degrees of freedom are those
    of that mean square.
    """
    n_rows, n_columns = tables.shape[-2:]
    mean = tables.mean(axis=(-1, -2), keepdims=True)
    rows = tables.mean(axis=-1, keepdims=True) - mean
    columns = tables.mean(axis=-2, keepdims=True) - mean
    by_row = _mean_square(rows, 2, n_columns, n_rows - 1)
    by_column = _mean_square(columns, 2, n_rows, n_columns - 1)
    error = _mean_square(tables - mean - rows - columns, 2, 1, (n_rows - 1) * (n_columns - 1))
    candidates = [_combine([by_row, by_column], [error]), _combine([by_row]), _combine([by_column])]
    return _largest(candidates, n_rows * n_columns)


def three_way(tables: Floats) -> MeanVariance:
    """Return the variance of the mean of complete tables; (…, raters, prompts, concepts), all crossed.

    Cell (r, p, c) is μ + a_r + b_p + g_c + (ab)_rp + (ag)_rc + (bg)_pc + e_rpc, with independent random
    effects whose variances are s_a to s_bg and s_e. With R raters, P prompts and C concepts

        RPC Var(mean) = PC s_a + RC s_b + RP s_g + C s_ab + P s_ag + R s_bg + s_e.

    The expected mean squares (Cornfield & Tukey 1956) are

        E[MS_A] = PC s_a + C s_ab + P s_ag + s_e,      E[MS_AB] = C s_ab + s_e,
        E[MS_B] = RC s_b + C s_ab + R s_bg + s_e,      E[MS_AG] = P s_ag + s_e,
        E[MS_G] = RP s_g + P s_ag + R s_bg + s_e,      E[MS_BG] = R s_bg + s_e,   E[MS_ABG] = s_e.

    The sum of the first column has every interaction twice and s_e three times. So

        q = MS_A + MS_B + MS_G − MS_AB − MS_AG − MS_BG + MS_ABG

    is an unbiased estimate of RPC Var(mean). Its terms are independent, each MS_i a multiple of a χ² with
    df_i degrees of freedom, so Satterthwaite's are q² / Σ (MS_i² / df_i).

    q can be small or below 0 by chance. As the two-way test has the variances of the one-way tests as a
    floor, this test has those of the two-way tests: with one factor averaged out, the two-way variance
    contains all components but that factor's own, so the variance of the mean over all three is at least as
    large. Where a floor applies, the degrees of freedom are its own.

    Prompts that are nested in concepts need no formula of their own. With the mean over the prompts of each
    concept, M_rc = μ + a_r + (g_c + mean of the b_p of c) + ((ag)_rc + mean of the e_rp of c), the prompts of
    a concept are part of its effect, and `two_way` over raters × concepts estimates the whole variance.
    """
    shape = tables.shape[-3:]
    (n_a, n_b, n_g), cells = shape, int(np.prod(shape))

    def centred(*averaged: int) -> Floats:
        return np.asarray(tables.mean(axis=averaged, keepdims=True) - mean, dtype=np.float64)

    mean = tables.mean(axis=(-1, -2, -3), keepdims=True)
    a, b, g = centred(-1, -2), centred(-1, -3), centred(-2, -3)
    ab, ag, bg = centred(-1) - a - b, centred(-2) - a - g, centred(-3) - b - g
    abg = tables - mean - a - b - g - ab - ag - bg
    factors = [_mean_square(each, 3, cells // n, n - 1) for each, n in zip((a, b, g), shape, strict=True)]
    pairs = [
        _mean_square(each, 3, cells // (n * m), (n - 1) * (m - 1))
        for each, n, m in ((ab, n_a, n_b), (ag, n_a, n_g), (bg, n_b, n_g))
    ]
    error = _mean_square(abg, 3, 1, (n_a - 1) * (n_b - 1) * (n_g - 1))
    candidates = [_combine([*factors, error], pairs)]
    for averaged in (-1, -2, -3):
        floor = two_way(tables.mean(axis=averaged))
        candidates.append((cells * floor.variance, floor.df))
    return _largest(candidates, cells)


def _mean_square(effects: Floats, n_factors: int, repeats: int, df: int) -> _MeanSquare:
    """Return the mean square of estimated effects, each of which is shared by ``repeats`` cells."""
    squares = (effects**2).sum(axis=tuple(range(-n_factors, 0)))
    return _MeanSquare(repeats * squares / df, df)


def _combine(added: Sequence[_MeanSquare], subtracted: Sequence[_MeanSquare] = ()) -> tuple[Floats, Floats]:
    """Return a sum of independent mean squares and its Satterthwaite degrees of freedom.

    Σ c_i MS_i has (Σ c_i MS_i)² / Σ (c_i MS_i)² / df_i degrees of freedom, here with c_i = ±1.
    """
    if len(added) == 1 and not subtracted:
        (only,) = added
        return only.value, np.full_like(only.value, only.df)
    total = sum((each.value for each in added), start=np.zeros_like(added[0].value))
    total = total - sum((each.value for each in subtracted), start=np.zeros_like(total))
    squares = sum((each.value**2 / each.df for each in (*added, *subtracted)), start=np.zeros_like(total))
    return total, np.divide(total**2, squares, out=np.ones_like(total), where=squares > 0)


def _largest(candidates: Sequence[tuple[Floats, Floats]], n_cells: int) -> MeanVariance:
    """Return the largest of several variances with its degrees of freedom; of equal ones the first."""
    values, dfs = (np.stack(each) for each in zip(*candidates, strict=True))
    # A floor that exceeds the first one by rounding only is equal to it.
    at = np.concatenate([values[:1] * (1 + 1e-12), values[1:]]).argmax(axis=0)[None]
    variance, df = (np.take_along_axis(each, at, axis=0)[0] for each in (values, dfs))
    return MeanVariance(variance / n_cells, df)
