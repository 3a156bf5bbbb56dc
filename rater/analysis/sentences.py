"""Numbers and counts in words, the same way in every sentence and table."""

import math
from typing import Literal

from rater.analysis.results import Counts, Score
from rater.study.analysis_plan import Scope
from rater.study.text_choices import ABOVE_CHANCE

SCORE_LABELS: dict[Score, str] = {
    "net_superiority": "net superiority",
    "scale_points": "scale points",
    "answers": "single answers",
    "log_odds": "log odds ratio",
    "log_sd_ratio": "log ratio of SDs",
}
"""Names of scores in tables."""
SCORES = SCORE_LABELS | {"scale_points": "difference in scale points"}
"""Names of scores in sentences."""
SCOPES: dict[Scope, str] = {
    "raters+prompts+concepts": "raters, prompts and concepts like those of this study",
    "raters+concepts": "raters and concepts like those of this study, with its prompts fixed",
    "raters+prompts": "raters and prompts like those of this study",
    "raters": "raters like those of this study, with its prompts and texts fixed",
    "prompts": "prompts like those of this study, with its raters fixed",
}
"""The populations that a declared scope generalises to."""
CLAIM = f"The claim is about {SCOPES['raters+prompts']}."
"""The claim of a test over crossed raters and prompts."""


def label_score(score: Score, unit: str) -> str:
    """Return the name of a score in tables; a difference of answers has the ``unit`` of their scale.

    The proportion correct above chance is the only score of its answers.
    """
    return unit if score == "scale_points" or unit == ABOVE_CHANCE else SCORE_LABELS[score]


def claim_by_unit(unit: Literal["rater", "prompt"], n_raters: int) -> str:
    """Return the claim of a test over raters alone or over prompts alone."""
    if unit == "rater":
        return f"The claim is about {SCOPES['raters']}."
    raters = "this one rater" if n_raters == 1 else f"these {n_raters} raters"
    return (
        f"The claim is about {raters}, over prompts like those of this study; it does not generalise to "
        "other raters."
    )


def estimand(score: Score, contrast: tuple[str, str], *, pairwise: bool = False) -> str:
    """Describe the estimand of a score for a contrast; ``pairwise`` for choices between two texts."""
    first, second = contrast
    if pairwise and score == "net_superiority":
        return f"how much more often “{first}” is preferred to “{second}” than the other way round"
    if pairwise and score == "scale_points":
        return f"by how many degrees “{first}” is preferred to “{second}” on average"
    if score == "net_superiority":
        return f"how much more often “{first}” is rated above “{second}” than below, within rater and prompt"
    if score == "scale_points":
        return f"mean answer to “{first}” minus mean answer to “{second}”, in scale points"
    return f"how much more often an answer to “{first}” is above one to “{second}” than below, all pooled"


def describe_too_few_replicates(n: int, alpha: float) -> str:
    """Explain that bootstrap replicates do not reach the percentiles of an interval."""
    return f"no interval: {n:,} replicates do not reach the ends of one of {coverage(1 - alpha)}"


def sentence(text: str) -> str:
    """Begin with a capital and end with a full stop."""
    full = text[:1].upper() + text[1:]
    return full if full.endswith((".", "?", "!", "…")) else f"{full}."


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Count a noun: ``1 rater``, ``12 raters``, ``1,200 answers``, ``2 guesses``."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def describe_counts(n: Counts) -> str:
    """Return the sizes of the factors: ``12 raters × 10 prompts``, ``12 raters × 8 concepts × 4 prompts``."""
    concepts = [counted(n.concepts, "concept")] if n.concepts else []
    return " × ".join([counted(n.raters, "rater"), *concepts, counted(n.prompts, "prompt")])


def number(value: float, digits: int = 2) -> str:
    """Format a number with a true minus sign and without negative zero."""
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else "−" + text[1:]
    return text


def round_down(value: float) -> str:
    """Round down to two digits, so that a value below a limit is not printed as the limit."""
    return f"{math.floor(100 * value) / 100:g}"


def p_value(p: float) -> str:
    """Format a p-value in APA style: ``p = .048``, ``p < .001``, ``p > .999``."""
    if p < 0.001:
        return "p < .001"
    if p > 0.999:
        return "p > .999"
    return f"p = {p:.3f}".replace("0.", ".")


def significant(value: float) -> str:
    """Format a small number, such as a significance level, with three significant digits."""
    return f"{value:.3g}"


def coverage(share: float) -> str:
    """Format a confidence level: ``95%``, ``99.695%``; its complement has up to three significant digits."""
    return f"{100 * (1 - float(significant(1 - share))):g}%"
