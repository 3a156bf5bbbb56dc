"""Rehearse a study: temporary databases with a synthetic key, bots in the real app, and the planned analysis.

The study's texts are assigned to arms at random, so the real key is not revealed, and its own databases
are only read.
"""

from rater.rehearse.rehearse import (
    Detection,
    DetectionRate,
    Rehearsed,
    planned_study,
    rehearse,
    rehearse_many,
    rehearsing,
)
from rater.rehearse.response_model import SimulatedRaters

__all__ = [
    "Detection",
    "DetectionRate",
    "Rehearsed",
    "SimulatedRaters",
    "planned_study",
    "rehearse",
    "rehearse_many",
    "rehearsing",
]
