"""Declare who rates how much: the plan."""

from typing import Annotated

from pydantic import Field

from rater.study.protocol import Declaration


class Plan(Declaration):
    """How many raters are planned, and how many texts each of them rates."""

    raters: Annotated[int, Field(ge=1, le=10_000)] = 12
    """How many booklets are dealt, one for each planned rater. (experimenter)"""
    items_per_rater: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """How many texts a rater sees; by default one of each prompt and arm. (experimenter)"""
