"""Declare who rates how much, and what a booklet holds besides: the plan."""

from typing import Annotated, Literal

from pydantic import Field

from rater.study.asides import Check
from rater.study.declaration import Declaration, InOrder

Asking = Literal["together", "blocks", "one_per_rater"]


class Plan(Declaration):
    """How many raters are planned, how many texts each of them rates, and how they are asked."""

    raters: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How many booklets are dealt, one for each planned rater; by default 12. (experimenter)"""
    ratings_per_item: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """How often each text is rated, from which the number of raters follows. (experimenter)"""
    items_per_rater: Annotated[int, Field(ge=1, le=1_000)] | None = None
    """How many trials a rater sees, without repeats and checks; by default one set of each prompt: one text
    of each arm, or one pair of each two arms. (experimenter)"""
    asking: Asking = "together"
    """How several dimensions are asked: under each text together, in blocks of texts, each with one of them,
    or each rater only one of them. (experimenter)"""
    repeats: Annotated[int, Field(ge=0, le=100)] = 0
    """How many of a rater's trials are shown a second time, for test and retest. (experimenter)"""
    checks: Annotated[tuple[Check, ...], Field(max_length=20), InOrder] = ()
    """Trials with known answers, one of each in every booklet. (experimenter)"""
