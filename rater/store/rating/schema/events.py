"""Define the table of a study's log."""

from typing import ClassVar

from rater.store.log import EventColumns
from rater.store.rating.schema.tables import Base


class Event(EventColumns, Base):
    """The study's hash-chained log: published, opened, closed, unblinded."""

    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "published",
            "open",
            "paused",
            "closed",
            "unblinded",
            "archived",
            "amended",
            "exported",
            "forgotten",
            "look",
            "recovered",
            "redacted",
            "shown",
        }
    )
