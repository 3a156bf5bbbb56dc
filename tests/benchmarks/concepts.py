"""Simulate studies of several concepts without an effect, and print how often the three-factor test is wrong.

A valid test finds a difference in 5 % of studies without one, and a valid 95% interval covers the truth in
95%. Not a test of the suite (tests/analysis/test_three_way.py has a short run).

    python tests/benchmarks/concepts.py
    python tests/benchmarks/concepts.py --sims 400 --missing 0.4 --sizes 12x8,24x16
    python tests/benchmarks/concepts.py --effect 1

An answer is the level a_r + b_p + g_c + i ± (effect + slopes) / 2 with logistic noise, cut into five points.
There are two texts of each prompt, concept and arm, and every rater rates all of them.
The nulls (standard deviations in logits; levels are raters 1, prompts 0.8, concepts 0.8, and 0.5 for the
level of a concept by rater):

    all slopes            raters, prompts and concepts × arms 0.5, raters × concepts × arms 0.3, items 0.5
    strong slopes         raters, prompts and concepts × arms 1, raters × concepts × arms 0.5, items 0.5
    rater slopes          raters × arms 0.5, items 0.5
    prompt slopes         prompts × arms 0.5, items 0.5
    concept slopes        concepts × arms 0.5, items 0.5
    rater by concept      raters × concepts × arms 0.5, items 0.5
    items only            items 0.5
    exchangeable          nothing but levels
    skewed concepts       as all slopes, but those of concepts are exponential: a few are large
    fixed concepts        as all slopes, but the effects of these concepts average exactly 0
    fixed prompts         as all slopes, but the effects of these prompts average exactly 0 (crossed designs)

Complete tables are computed all at once, 0.1 ms each; with missing cells each table is fitted, 20 to 200 ms.
"""

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from rater.analysis.cell_scores import CellScores, Concepts, Floats, Spread
from rater.analysis.quasi_f import three_way, two_way
from rater.analysis.results import Counts
from rater.analysis.simulate import evenly_cut
from rater.analysis.three_way import estimate_three_way

CUTS = np.array(evenly_cut(5).at)
# Simulated answers at a time: some 100 MB.
MAX_ANSWERS = 2_000_000


@dataclass(frozen=True)
class Null:
    """The standard deviations of the slopes, in logits."""

    rater: float = 0.0
    prompt: float = 0.0
    concept: float = 0.0
    rater_concept: float = 0.0
    item: float = 0.5
    fixed: str = ""
    """The factor whose effects average exactly 0."""
    is_skewed: bool = False


NULLS = {
    "all slopes": Null(0.5, 0.5, 0.5, 0.3),
    "strong slopes": Null(1, 1, 1, 0.5),
    "rater slopes": Null(rater=0.5),
    "prompt slopes": Null(prompt=0.5),
    "concept slopes": Null(concept=0.5),
    "rater by concept": Null(rater_concept=0.5),
    "items only": Null(),
    "exchangeable": Null(item=0),
    "skewed concepts": Null(0.5, 0.5, 0.5, 0.3, is_skewed=True),
    "fixed concepts": Null(0.5, 0.5, 0.5, 0.3, fixed="concepts"),
    "fixed prompts": Null(0.5, 0.5, 0.5, 0.3, fixed="prompts"),
}


@dataclass(frozen=True)
class Size:
    """The size of a simulated study."""

    raters: int
    concepts: int
    prompts: int
    """For all concepts where prompts are crossed with them, and for each where they are nested."""
    is_crossed: bool
    texts: int = 2
    """For each prompt, concept and arm."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Raters, prompts, concepts."""
        return self.raters, self.prompts, self.concepts


def simulate(
    size: Size, null: Null, n: int, rng: np.random.Generator, *, effect: float = 0.0
) -> tuple[Floats, Floats]:
    """Return the differences and net superiorities; (studies, raters, prompts, concepts)."""
    n_raters, n_prompts, n_concepts = size.shape
    prompt_shape = (1, n_prompts, 1 if size.is_crossed else n_concepts)

    def normal(sd: float, *shape: int) -> Floats:
        return sd * rng.standard_normal((n, *shape))

    prompt, concept = normal(null.prompt, *prompt_shape), normal(null.concept, 1, 1, n_concepts)
    if null.is_skewed:
        concept = null.concept * (rng.exponential(size=concept.shape) - 1)
    if null.fixed == "concepts":
        concept = concept - concept.mean(axis=-1, keepdims=True)
    if null.fixed == "prompts":
        prompt = prompt - prompt.mean(axis=-2, keepdims=True)
    slope = effect + normal(null.rater, n_raters, 1, 1) + prompt + concept
    slope = slope + normal(null.rater_concept, n_raters, 1, n_concepts)
    level = normal(1.0, n_raters, 1, 1) + normal(0.8, *prompt_shape) + normal(0.8, 1, 1, n_concepts)
    level = level + normal(0.5, n_raters, 1, n_concepts)
    first, second = (
        [
            _cut(level + sign * slope / 2 + normal(null.item, 1, n_prompts, n_concepts), rng)
            for _ in range(size.texts)
        ]
        for sign in (1, -1)
    )
    differences = np.stack([one - other for one in first for other in second])
    return differences.mean(axis=0), np.sign(differences).mean(axis=0)


def _cut(level: Floats, rng: np.random.Generator) -> Floats:
    return np.searchsorted(CUTS, level + rng.logistic(size=level.shape)).astype(np.float64)


def over_complete(tables: Floats, *, is_crossed: bool) -> tuple[Floats, Floats, Floats]:
    """Return the means of complete tables, and the standard errors and degrees of freedom of the test."""
    found = three_way(tables) if is_crossed else two_way(tables.mean(axis=-2))
    return tables.mean(axis=(-1, -2, -3)), np.sqrt(found.variance), found.df


def over_gaps(
    tables: Floats, missing: float, rng: np.random.Generator, *, is_crossed: bool
) -> tuple[Floats, Floats, Floats]:
    """Delete cells by chance and fit each table; the same as `over_complete`, NaN where there is no test."""
    found = [_fit(table, rng.random(table.shape) >= missing, is_crossed=is_crossed) for table in tables]
    columns = np.array(
        [(each.estimate, each.standard_error, each.df) if each else (np.nan,) * 3 for each in found]
    )
    return columns[:, 0], columns[:, 1], columns[:, 2]


def _fit(table: Floats, kept: np.ndarray, *, is_crossed: bool) -> Spread | None:
    rater, prompt, concept = np.nonzero(kept)
    _, n_prompts, n_concepts = table.shape
    unit, own = np.unique(prompt + n_prompts * concept, return_inverse=True)
    shared = np.unique(unit % n_prompts, return_inverse=True)[1] if is_crossed else np.arange(unit.size)
    concepts = Concepts(tuple(map(str, range(n_concepts))), unit // n_prompts, shared)
    n = Counts(raters=0, prompts=0, items=0, answers=0, cells=rater.size)
    scores = CellScores(rater, own, table[kept], np.ones(rater.size), n, concepts)
    spread = estimate_three_way(scores)
    return spread if isinstance(spread, Spread) else None


def rates(
    size: Size, null: Null, *, n_sims: int, seed: int, effect: float = 0.0, missing: float = 0.0
) -> dict[str, tuple[float, float]]:
    """Return by score how often p < .05, and how often the 95% interval covers the mean of all studies."""
    rng = np.random.default_rng(seed)
    per_chunk = max(1, MAX_ANSWERS // (2 * size.texts * math.prod(size.shape)))
    columns: dict[str, list[tuple[Floats, Floats, Floats]]] = {"scale points": [], "net superiority": []}
    for start in range(0, n_sims, per_chunk):
        tables = simulate(size, null, min(per_chunk, n_sims - start), rng, effect=effect)
        for name, table in zip(columns, tables, strict=True):
            columns[name].append(
                over_gaps(table, missing, rng, is_crossed=size.is_crossed)
                if missing
                else over_complete(table, is_crossed=size.is_crossed)
            )
    return {name: _rate(each, effect) for name, each in columns.items()}


def _rate(found: list[tuple[Floats, Floats, Floats]], effect: float) -> tuple[float, float]:
    mean, error, df = (np.concatenate(each) for each in zip(*found, strict=True))
    made = np.isfinite(error) & (error > 0)
    mean, error, df = mean[made], error[made], df[made]
    truth = float(mean.mean()) if effect else 0.0
    p = 2 * stats.t.sf(np.abs(mean) / error, df)
    covers = np.abs(mean - truth) <= stats.t.ppf(0.975, df) * error
    return float((p < 0.05).mean()), float(covers.mean())


def _sizes(text: str) -> Iterator[tuple[int, int]]:
    for each in text.split(","):
        raters, concepts = map(int, each.split("x"))
        yield raters, concepts


def main() -> None:
    """Read the sizes from the command line and print a table for each design."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--null", choices=[*NULLS, "all"], default="all")
    parser.add_argument("--sizes", default="4x4,4x16,12x8,12x16,24x8,24x16", help="raters × concepts")
    parser.add_argument("--crossed-prompts", type=int, default=8)
    parser.add_argument("--nested-prompts", type=int, default=3, help="for each concept")
    parser.add_argument("--texts", type=int, default=2, help="of each prompt, concept and arm")
    parser.add_argument("--missing", type=float, default=0.0, help="share of cells missing by chance")
    parser.add_argument("--effect", type=float, default=0.0, help="logits; above 0 the rates are power")
    parser.add_argument("--sims", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()

    out, sizes = sys.stdout.write, list(_sizes(given.sizes))
    error = math.sqrt(0.05 * 0.95 / given.sims)
    out(f"p < .05 (coverage of 95% intervals) on scale points | on net superiority, {given.sims:,} studies ")
    out(f"each, ± {error:.3f}; {given.missing:.0%} of the cells missing, effect {given.effect:g} logits\n")
    for is_crossed in (True, False):
        n_prompts = given.crossed_prompts if is_crossed else given.nested_prompts
        words = "crossed with the concepts" if is_crossed else "nested in each concept"
        out(f"\n{n_prompts} prompts {words}\n{'raters × concepts':<18}")
        out("".join(f"{f'{raters} × {concepts}':^32}" for raters, concepts in sizes) + "\n")
        for name in NULLS if given.null == "all" else [given.null]:
            if name == "fixed prompts" and not is_crossed:
                continue
            out(f"{name:<18}")
            for raters, concepts in sizes:
                found = rates(
                    Size(raters, concepts, n_prompts, is_crossed, given.texts),
                    NULLS[name],
                    n_sims=given.sims,
                    seed=given.seed,
                    effect=given.effect,
                    missing=given.missing,
                )
                cells = [f"{rate:.3f} ({covers:.3f})" for rate, covers in found.values()]
                out(f"{' | '.join(cells):^32}")
                sys.stdout.flush()
            out("\n")


if __name__ == "__main__":
    main()
