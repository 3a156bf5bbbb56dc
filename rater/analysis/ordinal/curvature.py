"""Hold the curvature of the random effects' log-density, with the largest factor eliminated.

H = I + B'WB for B = ZΛ has (number of levels × terms)² entries, but those of one factor among themselves are
block-diagonal. With the long factor first, H = [[A, C], [C', D]], A in blocks of 1 or 2; so
S = D − C'A⁻¹C is all that is factored, of the size of the other factors together. Costs
long × short² + short³ and keeps long × short numbers. The determinant is |A| |S| (Schur complement; Bates
et al. 2015, J. Stat. Softw. 67(1), do the same by a sparse Cholesky factor).
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpotrf, dtrtri

from rater.analysis.ordinal.design import Design
from rater.analysis.ordinal.links import Floats


class Layout:
    """Where in the blocks A, C and D each answer's products of columns go; made once for a design."""

    def __init__(self, design: Design) -> None:
        first = design.factors[0]
        self.level, self.n_long, self.width = first.level, first.n_levels, first.width
        self.size = self.n_long * self.width
        self.n_short = design.n_effects - self.size
        long = design.positions[:, : self.width]
        short = design.positions[:, self.width :] - self.size
        self.in_a: NDArray[np.intp] = (long * self.width)[:, :, None] + np.arange(self.width)
        self.in_c: NDArray[np.intp] = (long * self.n_short)[:, :, None] + short[:, None, :]
        self.in_d: NDArray[np.intp] = (short * self.n_short)[:, :, None] + short[:, None, :]


class Curvature:
    """H at one weighting of the answers; b is (answers, columns), w is (answers,)."""

    def __init__(self, layout: Layout, b: Floats, w: Floats) -> None:
        self._layout, width = layout, layout.width
        n_long, n_short = layout.n_long, layout.n_short
        long, short = b[:, :width], b[:, width:]
        weighted_long, weighted_short = w[:, None] * long, w[:, None] * short
        a = _sum_products(layout.in_a, weighted_long, long, layout.size * width)
        a = a.reshape(n_long, width, width) + np.eye(width)
        c = _sum_products(layout.in_c, weighted_long, short, layout.size * n_short)
        d = _sum_products(layout.in_d, weighted_short, short, n_short**2)
        self._a_inverse = np.linalg.inv(a)  # n_long width width
        self._c = c.reshape(layout.size, n_short)
        self._solved = np.matmul(self._a_inverse, c.reshape(n_long, width, n_short)).reshape(self._c.shape)
        s = d.reshape(n_short, n_short) + np.eye(n_short) - self._c.T @ self._solved
        root, self._short = _factor_and_invert(s)
        self.log_determinant = float(np.linalg.slogdet(a)[1].sum() + 2 * np.log(root).sum())

    def solve(self, vector: Floats) -> Floats:
        """Solve H y = vector; (effects,) → (effects,)."""
        layout = self._layout
        long = np.matmul(
            self._a_inverse, vector[: layout.size].reshape(layout.n_long, layout.width, 1)
        ).ravel()
        short = self._short @ (vector[layout.size :] - self._solved.T @ vector[: layout.size])
        return np.concatenate([long - self._solved @ short, short])

    def invert(self) -> "Inverse":
        """Invert as much of H as answers touch. Costs long × short²."""
        layout, short = self._layout, self._short
        mixed = -self._solved @ short  # size n_short
        blocks = (layout.n_long, layout.width, layout.n_short)
        long = self._a_inverse - np.matmul(
            mixed.reshape(blocks), self._solved.reshape(blocks).transpose(0, 2, 1)
        )
        return Inverse(layout, long, mixed, short)


class Inverse:
    """H⁻¹ where one answer's columns meet: its long block, the mixed part and the short part."""

    def __init__(self, layout: Layout, long: Floats, mixed: Floats, short: Floats) -> None:
        self._layout, self._long, self._mixed, self._short = layout, long, mixed, short

    def times(self, b: Floats) -> Floats:
        """Compute, for each answer, H⁻¹b at the answer's own columns; (answers, columns) → the same."""
        layout = self._layout
        long, short = b[:, : layout.width], b[:, layout.width :]
        mixed = self._mixed.ravel()[layout.in_c]  # answers width short-columns
        return np.concatenate(
            [
                np.einsum("ijk,ik->ij", self._long[layout.level], long)
                + np.einsum("ijk,ik->ij", mixed, short),
                np.einsum("ijk,ij->ik", mixed, long)
                + np.einsum("ijk,ik->ij", self._short.ravel()[layout.in_d], short),
            ],
            axis=1,
        )

    def block(self, start: int, n_levels: int, width: int) -> Floats:
        """The levels' own blocks of one factor, whose effects begin at start: (levels, width, width)."""
        if start == 0:
            return self._long
        first = start - self._layout.size + width * np.arange(n_levels)
        index = first[:, None] + np.arange(width)  # levels width
        return np.asarray(self._short[index[:, :, None], index[:, None, :]])


def _factor_and_invert(matrix: Floats) -> tuple[Floats, Floats]:
    """Return the diagonal of a positive definite matrix's Cholesky factor, and its inverse.

    S is at least I, so neither step can fail. LAPACK itself, since every fit calls this some hundred times;
    and not dpotri, which OpenBLAS hands to threads however small the matrix (300 µs against 30 for 44 rows).
    """
    if not matrix.size:
        return np.empty(0), matrix
    factor, _ = dpotrf(matrix.T, lower=1)  # transposed, and so already in LAPACK's order
    root, _ = dtrtri(factor, lower=1)
    return np.diag(factor), root.T @ root


def _sum_products(index: NDArray[np.intp], left: Floats, right: Floats, size: int) -> Floats:
    """Add left ⊗ right of every answer where the index says."""
    products = left[:, :, None] * right[:, None, :]
    return np.bincount(index.ravel(), products.ravel(), minlength=size).astype(np.float64, copy=False)
