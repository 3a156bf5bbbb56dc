"""Test differences that are all the same, where no variance can be estimated: the exact sign-flip test.

If every rater × prompt cell shows the same difference, the t tests have a standard error of 0 and no p. The
sign-flip test needs none: if a difference were as likely to be its negative, all n units would have the same
sign in 2 of the 2^n patterns of signs, so that p = 2 / 2^n. It is exact over raters with these prompts and
texts, or over prompts with these raters; there is no exact test over both (statistics.md section 2). For a
claim about both, the fewer of the two are the units, which gives the larger p.
"""

import numpy as np
from numpy.typing import NDArray

from rater.analysis.by_unit_tests import Unit, unit_differences
from rater.analysis.crossed import Compared
from rater.analysis.plan import Planned
from rater.analysis.results import Outcome, Result
from rater.analysis.sentences import SCORES, counted, estimand, number
from rater.study.analysis_plan import PlannedScore

TEST = "exact sign-flip"
REFERENCE = "Fisher 1935, The Design of Experiments §21"


def replace_failed(failed: Outcome, compared: Compared, planned: Planned, score: PlannedScore) -> Outcome:
    """Return the exact test where a test failed since all its units have one difference; else the outcome."""
    if isinstance(failed, Result) or failed.estimate is None:
        return failed
    units = _units(compared, planned)
    differences = {unit: unit_differences(compared.answers, compared.cells, score, unit) for unit in units}
    if any(each.values.size < 2 or np.ptp(each.values) > 1e-9 for each in differences.values()):
        return failed
    unit = min(units, key=lambda each: differences[each].values.size)
    chosen = differences[unit]
    others = [(each, found.values) for each, found in differences.items() if each != unit]
    p = sign_p(chosen.values)
    return Result(
        test=TEST,
        estimand=estimand(score, planned.contrast, pairwise=compared.cells.is_pairwise),
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
        method=f"{TEST} test of the equal differences of the {unit}s: {_formula_of(chosen.values.size, p)}",
        reference=REFERENCE,
        warnings=(*_coarse(chosen.values, unit, planned.alpha), *chosen.warnings),
        settings={"alpha": planned.alpha, "unit": unit, "n_units": int(chosen.values.size)},
    )


def sign_p(values: NDArray[np.float64]) -> float:
    """Return p of n equal differences: 2 / 2^n, or 1 where they are 0."""
    return 1.0 if abs(values[0]) < 1e-9 else 2.0 ** (1 - values.size)


def describe_p(result: Result) -> str:
    """Return the test and its p, with its formula: ``exact sign-flip over 12 raters, p = 2/2^12 = .0005``."""
    n, unit = int(result.settings["n_units"]), str(result.settings["unit"])
    return f"{TEST} over {counted(n, unit)}, {_formula_of(n, result.p)}"


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
        f"gives {_formula_of(other[1].size, sign_p(other[1]))}."
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
