"""Put numbers into words, the same way in every sentence and table."""

import math

from rater.analysis.results import Score

SCORES: dict[Score, str] = {
    "net_superiority": "net superiority",
    "scale_points": "difference in scale points",
    "answers": "answers",
    "log_odds": "log odds ratio",
    "log_sd_ratio": "log ratio of standard deviations",
}
"""What a score is called in a sentence."""


def estimand(score: Score, contrast: tuple[str, str], *, pairwise: bool = False) -> str:
    """Say in words what a score estimates, for a contrast; ``pairwise`` where texts are chosen between."""
    first, second = contrast
    if pairwise and score == "net_superiority":
        return f'how much more often "{first}" is preferred to "{second}" than the other way round'
    if pairwise and score == "scale_points":
        return f'by how many degrees "{first}" is preferred to "{second}" on average'
    if score == "net_superiority":
        return f'how much more often "{first}" is rated above "{second}" than below, within rater and prompt'
    if score == "scale_points":
        return f'mean answer to "{first}" minus mean answer to "{second}", in scale points'
    return f'how much more often an answer to "{first}" is above one to "{second}" than below, all pooled'


def counted(n: int, noun: str, plural: str | None = None) -> str:
    """Count a noun: ``1 rater``, ``12 raters``, ``1,200 answers``, ``2 guesses``."""
    return f"{n:,} {noun if n == 1 else plural or f'{noun}s'}"


def number(value: float, digits: int = 2) -> str:
    """Round to digits, with a real minus sign and no minus zero."""
    text = f"{value:,.{digits}f}"
    if text.startswith("-"):
        text = text[1:] if not text.strip("-0.,") else "−" + text[1:]
    return text


def round_down(value: float) -> str:
    """Round down to two digits, so that what is below a limit does not read as the limit."""
    return f"{math.floor(100 * value) / 100:g}"


def p_value(p: float) -> str:
    """Write a p-value after the APA: ``p = .048``, ``p < .001``, ``p > .999``."""
    if p < 0.001:
        return "p < .001"
    if p > 0.999:
        return "p > .999"
    return f"p = {p:.3f}".replace("0.", ".")


def significant(value: float) -> str:
    """Write a small number, such as a significance level, with three significant digits."""
    return f"{value:.3g}"


def coverage(share: float) -> str:
    """Write what an interval covers: ``95 %``, ``99.695 %``; what it leaves out has three digits at most."""
    return f"{100 * (1 - float(significant(1 - share))):g} %"
