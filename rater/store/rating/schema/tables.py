"""Hold the rating database's own metadata."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from rater.store.engine import CONSTRAINT_NAMES


class Base(DeclarativeBase):
    """The rating database's own metadata."""

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
