"""Rehearse a study: throwaway databases with a made-up key, bots through the real app, the analysis on top.

The study's texts are dealt to arms at random, so that nothing of the real key shows, and its own databases
are only read.
"""

from rater.rehearse.end_to_end import Rehearsed, rehearse, rehearsing
from rater.rehearse.monte_carlo import Found, Often, planned_study, rehearse_often
from rater.rehearse.response_model import Cast

__all__ = ["Cast", "Found", "Often", "Rehearsed", "planned_study", "rehearse", "rehearse_often", "rehearsing"]
