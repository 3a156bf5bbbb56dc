"""Check proportional odds: whether one odds ratio describes the contrast at every cut of the scale.

The fixed-effects model with β is compared with the one where every cut has its own β_k (nominal effects).
With two arms the latter reproduces each arm's shares of answers exactly, so its likelihood is a closed form:
l = Σ_arm Σ_k n_k log(n_k / n). R: ``ordinal::nominal_test(clm(y ~ x))``. Raters and prompts are left out,
so the p-value is a rough guide (too small where they differ much), and no verdict hangs on it.

Reference: Brant 1990, Biometrics 46:1171–1178; Christensen 2019, section 4.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from rater.analysis.ordinal.clmm import ClmmFit, fit_clmm


@dataclass(frozen=True)
class ProportionalOdds:
    """The likelihood-ratio test of one β against one for every cut."""

    statistic: float
    df: int
    p: float
    effects: tuple[float | None, ...]
    """The contrast at each cut, in logits (or probits); None where it is infinite."""


def check_proportional_odds(fit: ClmmFit) -> ProportionalOdds | None:
    """Compare; None with two categories (one cut, nothing to check) or a contrast of more than two values.

    Costs a fit of the fixed-effects model.
    """
    design, link = fit.model.design, fit.model.link
    values = np.unique(design.x)
    if design.n_categories < 3 or values.size != 2:
        return None
    counts = np.array(
        [np.bincount(design.category[design.x == value], minlength=design.n_categories) for value in values]
    )  # arms categories
    shares = counts / counts.sum(axis=1, keepdims=True)
    saturated = float((counts * np.log(np.where(counts, shares, 1.0))).sum())
    plain = fit_clmm(design.category.astype(np.float64), design.x, {}, link=link.name)
    statistic = max(2 * (saturated - plain.log_likelihood), 0.0)
    df = design.n_categories - 2
    below = np.cumsum(counts, axis=1)[:, :-1] / counts.sum(axis=1, keepdims=True)  # arms cuts
    inner = (below > 0).all(axis=0) & (below < 1).all(axis=0)
    cuts = link.quantile(np.where(inner, below, 0.5))
    effects = (cuts[0] - cuts[1]) / (values[1] - values[0])
    return ProportionalOdds(
        statistic=statistic,
        df=df,
        p=float(stats.chi2.sf(statistic, df)),
        effects=tuple(
            effect if known else None for effect, known in zip(effects.tolist(), inner, strict=True)
        ),
    )
