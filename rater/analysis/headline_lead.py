"""Begin a headline with the number of answers that enter the test, where they are few.

The cell-based tests take only answers whose rater answered both arms of their prompt. Where these are fewer
than half, the headline states this first, and ends with the fitted model that takes all answers.
"""

import math

from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.wording import number, p_value


def lead_headline(headline: str, primary: Outcome, ordinal: Outcome, n_answers: int) -> str:
    """Put the number of answers that enter the test first, where it is fewer than half.

    Args:
        headline: The sentence about the primary test.
        primary: The primary test.
        ordinal: The ordinal mixed model of all answers.
        n_answers: How many answers there are to the two arms.
    """
    if not n_answers or 2 * primary.n.answers >= n_answers:
        return headline
    if isinstance(primary, NotEstimable) and primary.n.answers == 0 and isinstance(ordinal, NotEstimable):
        return headline
    sentences = [headline]
    if isinstance(primary, Result) or primary.n.answers:
        sentences.insert(
            0,
            f"Only {primary.n.answers:,} of {n_answers:,} answers enter the test: only their raters answered "
            "both arms of their prompt.",
        )
    if isinstance(ordinal, Result):
        sentences.append(describe_ordinal(ordinal))
    return " ".join(sentences)


def describe_ordinal(ordinal: Result) -> str:
    """Return the ordinal mixed model's result as a sentence."""
    ratio = f"odds ratio {number(math.exp(ordinal.estimate))}"
    if ordinal.interval is not None:
        low, high = (number(math.exp(end)) for end in (ordinal.interval.low, ordinal.interval.high))
        ratio += f", {100 * ordinal.interval.level:g} % CI {low} to {high}"
    return (
        f"What can be read is the ordinal mixed model, which takes all {ordinal.n.answers:,} answers: "
        f"{ratio}, {p_value(ordinal.p)}."
    )
