"""Unblinding: verify the commitment, log who sees answers by arm and why, and join answers to arms.

No other package returns both an answer and an arm.
"""

from rater.unblind.join import ANSWER_COLUMNS, Joined, joined_meanings
from rater.unblind.unblind import Permuted, Reason, Unblinded, note_shown, permuted, unblind

__all__ = [
    "ANSWER_COLUMNS",
    "Joined",
    "Permuted",
    "Reason",
    "Unblinded",
    "joined_meanings",
    "note_shown",
    "permuted",
    "unblind",
]
