"""Warnings that most studies have, and that are no sign of a fault: reports list them as information."""

UNUSED = "answers are not used: their rater answered only one arm of their prompt"
"""Some raters leave early; where too few answers enter a test, `rater.analysis.findings` warns of that."""
DROPPED = "was estimated as 0 and dropped"
"""A component of variance at its lower bound, as REML often finds in small studies."""


def is_routine(warning: str) -> bool:
    """Return whether a warning of a test is information, and not a sign of a fault."""
    return warning.endswith((UNUSED, DROPPED))
