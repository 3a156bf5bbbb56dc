"""Define the table of a study's log."""

from rater.store.log import EventColumns
from rater.store.rating.schema.tables import Base


class Event(EventColumns, Base):
    """The study's hash-chained log: published, opened, closed, unblinded."""
