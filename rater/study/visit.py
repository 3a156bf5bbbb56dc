"""Declare a rater's visit around the trials: the way in, what is asked before and after, the way out."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from rater.study.declaration import Declaration, InOrder, Label, Question, require_different

Parameter = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https://[^\s\"<>\\]{1,1000}$")]


class ScreeningQuestion(Declaration):
    """A question that decides whether somebody can take part; what was answered is not stored."""

    question: Question
    """What is asked. (rater)"""
    options: Annotated[tuple[Label, ...], Field(min_length=2, max_length=20), InOrder]
    """What can be answered. (rater)"""
    accepted: Annotated[tuple[Label, ...], Field(min_length=1), InOrder]
    """The answers of those who can take part. (experimenter)"""

    @model_validator(mode="after")
    def _accepted_are_offered(self) -> Self:
        require_offered("accepted", self.accepted, self.options)
        return self


def require_offered(field: str, values: Iterable[str], offered: Iterable[str]) -> None:
    """Refuse a value that is not among those offered.

    Raises:
        ValueError: it is not; pydantic gives the message a place.
    """
    known = list(offered)
    for value in values:
        if value not in known:
            msg = f"{field} has {value!r}, which is not offered; valid: {', '.join(map(repr, known))}"
            raise ValueError(msg)


class Recruitment(Declaration):
    """What a recruitment site adds to the link, so that a person is known there and cannot start twice."""

    person: Parameter
    """The parameter that says who comes. (experimenter)"""
    keep: Annotated[tuple[Parameter, ...], InOrder] = ()
    """Other parameters that are kept with the rater. (experimenter)"""
    required: bool = False
    """Whether somebody who comes without the person's parameter is turned away. (experimenter)"""

    @model_validator(mode="after")
    def _parameters_differ(self) -> Self:
        require_different("recruitment", (self.person, *self.keep), "name each parameter once")
        return self


PROLIFIC = Recruitment(person="PROLIFIC_PID", keep=("STUDY_ID", "SESSION_ID"))
"""The parameters that Prolific adds to a study's link."""
CLOUDRESEARCH = Recruitment(person="participantId", keep=("assignmentId", "projectId"))
"""The parameters that CloudResearch Connect adds to a study's link."""
MTURK = Recruitment(person="workerId", keep=("assignmentId", "hitId"))
"""The parameters that Mechanical Turk adds to a study's link."""


class Ending(Declaration):
    """How a rater leaves: with a code, to an address, or neither."""

    code: Code | None = None
    """The code that shows the recruitment site how the visit ended. (rater)"""
    url: Url | None = None
    """Where a button leads, and the page after ten seconds. (rater)"""


class Endings(Declaration):
    """How a rater leaves who finished, was screened out, declined, or stopped."""

    finished: Ending = Ending()
    """For who rated every text. (rater)"""
    screened_out: Ending = Ending()
    """For who cannot take part, by their answers to the screening or the practice. (rater)"""
    declined: Ending = Ending()
    """For who did not consent. (rater)"""
    stopped: Ending = Ending()
    """For who stopped on the way. (rater)"""


class BlindingQuestion(Declaration):
    """What is asked after the last trial: which texts were made in a special way, or whether one could tell.

    The default words are true of every study, whatever made its texts: a changed model, another one, people.
    The labels say nothing of arms; which of them means which arms is sealed (`Study.guessed_arms`).
    """

    question: Question = (
        "Some of the texts were made in a special way, the others in the usual way. How was this one made?"
    )
    """What is asked. (rater)"""
    n_texts: Annotated[int, Field(ge=0, le=20)] = 4
    """About how many of the rater's texts it is asked; 0 asks once, about all, in your own words. (rater)"""
    labels: Annotated[tuple[Label, Label], InOrder] = ("In a special way", "In the usual way")
    """The two answers. (rater)"""
    unsure: Label = "I could not tell"
    """The third answer, which is as good as the others. (rater)"""

    @model_validator(mode="after")
    def _words_fit(self) -> Self:
        if not self.n_texts and self.question == type(self).model_fields["question"].default:
            msg = "question is about one text, but n_texts=0 asks about all of them; give one of your own"
            raise ValueError(msg)
        require_different("labels", (*self.labels, self.unsure), "give each answer its own")
        return self
