"""Open the seal: verify the commitment, write down who looks and why, and join answers to arms.

This is the only door: the only package whose results hold both an answer and an arm.
"""

from rater.unblind.join import ANSWER_COLUMNS, PAIR_COLUMNS, Joined
from rater.unblind.permuted import Permuted, permuted
from rater.unblind.unblind import Reason, Unblinded, note_shown, unblind

__all__ = [
    "ANSWER_COLUMNS",
    "PAIR_COLUMNS",
    "Joined",
    "Permuted",
    "Reason",
    "Unblinded",
    "note_shown",
    "permuted",
    "unblind",
]
