"""Unblinding: verify the commitment, log who sees answers by arm and why, and join answers to arms.

No other package returns both an answer and an arm.
"""

from rater.unblind.join import ANSWER_COLUMNS, PAIR_COLUMNS, Joined
from rater.unblind.unblind import Permuted, Reason, Unblinded, note_shown, permuted, unblind

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
