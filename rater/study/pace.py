"""Estimate how long a rater takes for a text: to read it, and to judge it on each dimension."""

WORDS_PER_MINUTE = 238
"""Silent reading of non-fiction in English (Brysbaert 2019, Journal of Memory and Language 109, 104047)."""
CHARACTERS_PER_WORD = 5.7
"""An English word with its space."""
SECONDS_PER_JUDGEMENT = 4.0
"""Choosing a point and going on; our assumption."""


def seconds_per_trial(n_words: float, n_dimensions: int) -> float:
    """Estimate the seconds that one trial takes."""
    return n_words / WORDS_PER_MINUTE * 60 + SECONDS_PER_JUDGEMENT * n_dimensions
