"""The base of the tables of the rating database."""

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase

from rater.store.engine import CONSTRAINT_NAMES


class RatingBase(DeclarativeBase):
    """The metadata of the rating database."""

    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
