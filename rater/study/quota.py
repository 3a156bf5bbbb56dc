"""Quotas: the largest number of raters who give an answer to a question about themselves."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from rater.errors import nearest
from rater.study.declaration import Declaration, Label, Name, require_different
from rater.study.questionnaire import Question


class Quota(Declaration):
    """The largest number of raters who give an answer to a question; later ones are turned away.

    The answer is asked before the instructions. A rater who declines to answer counts towards no quota.
    """

    question: Name
    """Name of a question of kind "choice" in `questionnaire`, asked before the trials. (experimenter)"""
    option: Label
    """The answer. (experimenter)"""
    max_raters: Annotated[int, Field(ge=1, le=100_000)]
    """Number of raters with this answer who hold a place or have finished. (experimenter)"""


def require_quotas(quotas: Sequence[Quota], questionnaire: Sequence[Question]) -> None:
    """Refuse quotas over a question or an option that is not asked, and two over one option.

    Raises:
        ValueError: If a quota is not valid; pydantic adds the place.
    """
    asked = {each.name: each for each in questionnaire if each.kind == "choice" and each.when == "before"}
    for index, quota in enumerate(quotas):
        question = asked.get(quota.question)
        if question is None:
            hint = nearest(quota.question, list(asked)) if asked else " There is none."
            msg = (
                f"quotas[{index}].question: {quota.question!r} is not a question of kind 'choice' that is "
                f"asked before the trials.{hint}"
            )
            raise ValueError(msg)
        if quota.option not in question.options:
            msg = (
                f"quotas[{index}].option has {quota.option!r}, which is not an option; valid: "
                f"{', '.join(map(repr, question.options))}"
            )
            raise ValueError(msg)
    require_different(
        "quotas", (f"{each.question}: {each.option}" for each in quotas), "give each option one quota"
    )
