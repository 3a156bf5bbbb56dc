"""Rehearse a study: temporary databases with a synthetic key, bots in the real app, and the planned analysis.

The study's texts are assigned to arms at random, so the real key is not revealed, and its own databases
are only read.
"""

from rater.rehearse.end_to_end import Rehearsed, rehearse, rehearsing
from rater.rehearse.monte_carlo import Detection, DetectionRate, planned_study, rehearse_many
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
