"""The mean of cell scores over raters, prompts and concepts, with its standard error and predictions.

The model of the score of rater r on prompt p of concept c is

    crossed    μ + a_r + b_p + g_c + (ab)_rp + (ag)_rc + (bg)_pc + e_rpc
    nested     μ + a_r + g_c + b_p + (ag)_rc + e_rp                  (p belongs to one concept)

with independent random effects. The prompts are crossed with the concepts if any is used for two of them. A
complete table has the quasi-F variance in closed form (`rater.analysis.quasi_f`), any other one is fitted by
weighted REML (`rater.analysis.multiway_reml`). An effect is left out where the design cannot tell it from
another one, or from the error.

Measured type I error: tests/benchmarks/concepts.py and docs.
"""

from collections.abc import Iterator

import numpy as np

from rater.analysis.cell_scores import CellScores, Codes, Spread
from rater.analysis.multiway_reml import MeanFit, fit_mean
from rater.analysis.quasi_f import MeanVariance, three_way, two_way
from rater.analysis.reml import NoFit
from rater.analysis.results import DROPPED, Setting
from rater.analysis.sentences import counted

QUASI_F = (
    "crossed random-effects t test on the scores of rater × prompt × concept cells ({design}; quasi-F with "
    "Satterthwaite degrees of freedom{floor})"
)
FLOORS = {
    "crossed": "; variance floored at that of any two-way test",
    "nested": " on rater × concept means; variance floored at that of either one-way test",
}
QUASI_F_REFERENCE = (
    "Cornfield & Tukey 1956, Ann. Math. Stat. 27:907–949; Clark 1973, J. Verbal Learn. Verbal Behav. "
    "12:335–359; Satterthwaite 1946, Biometrics Bull. 2:110–114"
)
REML = (
    "crossed random-effects t test on the scores of rater × prompt × concept cells ({design}; weighted REML "
    "with random effects of {terms}, Satterthwaite degrees of freedom)"
)
REML_REFERENCE = (
    "Bates et al. 2015, J. Stat. Softw. 67(1); "
    "Kuznetsova, Brockhoff & Christensen 2017, J. Stat. Softw. 82(13)"
)
DESIGN = "prompts"
"""The setting of a result with the name of the design."""
# Random effects of all terms but the largest: above this, a fit takes minutes.
MAX_EFFECTS = 4_000


def describe_design(scores: CellScores) -> str:
    """Return whether prompts are crossed with the concepts or nested in them."""
    is_crossed = scores.concepts is not None and scores.concepts.is_crossed
    return "crossed with concepts" if is_crossed else "nested in concepts"


def estimate_three_way(scores: CellScores) -> Spread | NoFit:
    """Return the mean over raters, prompts and concepts; or the reason why it has no standard error."""
    closed = _closed_form(scores)
    if closed is None:
        return _by_reml(scores)
    standard_error = float(np.sqrt(closed.variance))
    if standard_error < 1e-9:
        return NoFit(
            "all raters have the same mean and all concepts too, so their variance cannot be estimated"
        )
    design = describe_design(scores)
    floor = FLOORS[design.split()[0]]
    return Spread(
        float(scores.values.mean()),
        standard_error,
        float(closed.df),
        QUASI_F.format(design=f"prompts {design}", floor=floor),
        QUASI_F_REFERENCE,
        {"table": "complete", DESIGN: design},
    )


def _closed_form(scores: CellScores) -> MeanVariance | None:
    """Return the quasi-F variance of a complete table with equal weights; None for any other one."""
    concepts = scores.concepts
    assert concepts is not None  # noqa: S101 (without concepts the test is the two-way one)
    if np.ptp(scores.weight) > 1e-12:
        return None
    n_concepts, n_raters = len(concepts.names), scores.n_raters
    if concepts.is_crossed:
        shape = (n_raters, concepts.n_prompts, n_concepts)
        if min(shape) < 2 or scores.values.size != np.prod(shape):
            return None
        table = np.empty(shape)
        table[scores.rater, scores.shared_prompt, scores.concept] = scores.values
        return three_way(table)
    per_concept = np.bincount(concepts.of_prompt)
    if np.ptp(per_concept) or scores.values.size != n_raters * scores.n_prompts:
        return None
    means = scores.average("concept")
    return two_way(means.values.reshape(n_raters, n_concepts))


def _by_reml(scores: CellScores) -> Spread | NoFit:
    fit = fit_cells(scores)
    if isinstance(fit, NoFit):
        return fit
    names = [name_term(name) for name in fit.variances]
    zero = [name_term(name) for name, variance in fit.variances.items() if variance == 0]
    settings: dict[str, Setting] = {"table": "incomplete or unequal", DESIGN: describe_design(scores)}
    settings |= {f"{name}_variance": variance for name, variance in fit.variances.items()}
    return Spread(
        fit.estimate,
        fit.standard_error,
        fit.df,
        REML.format(
            design=f"prompts {describe_design(scores)}", terms=f"{', '.join(names[:-1])} and {names[-1]}"
        ),
        REML_REFERENCE,
        {**settings, "residual_variance": fit.residual_variance},
        warnings=tuple(f"the variance between {noun} {DROPPED}" for noun in zero),
    )


def fit_cells(scores: CellScores) -> MeanFit | NoFit:
    """Fit the model by REML; its predictions are the BLUPs of raters, prompts and concepts.

    In R: ``lmerTest::lmer(score ~ 1 + (1|rater) + (1|concept) + (1|prompt) + (1|rater:concept) +
    (1|rater:prompt) + (1|prompt:concept), weights = w)``, without the last two where prompts are nested.
    """
    terms = dict(_estimable(scores))
    if not terms:
        return NoFit("no random effect of raters or concepts can be told from the residual")
    sizes = sorted(int(level.max()) + 1 for level in terms.values())
    if sum(sizes[:-1]) > MAX_EFFECTS:
        return NoFit(
            f"{counted(sum(sizes), 'random effect')} of {', '.join(map(name_term, terms))} exceed the "
            f"limit of {MAX_EFFECTS:,}, not counting the largest of these"
        )
    return fit_mean(scores.values, scores.weight, terms)


def name_term(term: str) -> str:
    """Return a random term in words: ``rater_concept`` is raters × concepts."""
    return " × ".join(f"{each}s" for each in term.split("_"))


def _estimable(scores: CellScores) -> Iterator[tuple[str, Codes]]:
    """Yield the terms that the design can tell from those before and from the error."""
    rater, concept, prompt = scores.rater, scores.concept, scores.shared_prompt
    named = {
        "rater": rater,
        "concept": concept,
        "prompt": prompt,
        "rater_concept": _pair(rater, concept),
        "rater_prompt": _pair(rater, prompt),
        "prompt_concept": _pair(prompt, concept),
    }
    kept: list[Codes] = []
    for name, codes in named.items():
        n_levels = int(codes.max()) + 1
        is_known = any(
            n_levels == int(other.max()) + 1 == int(_pair(codes, other).max()) + 1 for other in kept
        )
        if 1 < n_levels < codes.size and not is_known:
            kept.append(codes)
            yield name, codes


def _pair(first: Codes, second: Codes) -> Codes:
    """Number the pairs of levels that occur, without gaps."""
    _, codes = np.unique(first * (int(second.max()) + 1) + second, return_inverse=True)
    return np.asarray(codes, dtype=np.intp)
