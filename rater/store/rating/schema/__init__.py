"""Define the tables of the rating database; none has a column that an arm could be read from."""

from rater.store.rating.schema.answers import Answer, Comment, Guess
from rater.store.rating.schema.desk import DeskSession, DeskUser
from rater.store.rating.schema.events import Event
from rater.store.rating.schema.published import Amendment, AttentionCheck, Booklet, Item, Study, Trial
from rater.store.rating.schema.tables import Base
from rater.store.rating.schema.visits import Identifier, Invitation, Rater, Tally, Token

__all__ = [
    "Amendment",
    "Answer",
    "AttentionCheck",
    "Base",
    "Booklet",
    "Comment",
    "DeskSession",
    "DeskUser",
    "Event",
    "Guess",
    "Identifier",
    "Invitation",
    "Item",
    "Rater",
    "Study",
    "Tally",
    "Token",
    "Trial",
]
