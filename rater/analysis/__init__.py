"""Test and describe ratings in a tidy DataFrame, knowing nothing of where they came from.

::

    from rater.analysis import analyze, plan_for, read

    frame = read("ratings.csv", rater="who", prompt="question", arm="model", answer="stars")
    analysis = analyze(frame, plan_for(frame, contrast=("steered", "unsteered")))
    print(analysis.dimensions[0].headline)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rater.analysis.external_plan import plan_for
    from rater.analysis.plan import Planned
    from rater.analysis.primary import Analysis, analyze
    from rater.analysis.read_ratings import read
    from rater.analysis.reading_notes import ReadingNotes

__all__ = ["Analysis", "Planned", "ReadingNotes", "analyze", "plan_for", "read"]

_WHERE = {
    "Analysis": "primary",
    "Planned": "planned",
    "analyze": "primary",
    "plan_for": "external_plan",
    "read": "read_ratings",
    "ReadingNotes": "reading_notes",
}


def __getattr__(name: str) -> object:
    """Load pandas and scipy only when something is asked for."""
    if name not in _WHERE:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f"rater.analysis.{_WHERE[name]}"), name)
