"""The session around the trials: recruitment, screening, blinding question and leaving."""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from rater.study.declaration import Declaration, InOrder, Label, Question, require_different

Parameter = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]


class Channel(StrEnum):
    """The program in which a rater takes part."""

    WEB = "web"
    TERMINAL = "terminal"


class LeavingReason(StrEnum):
    """The reason why a rater left for good before the end."""

    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    """They stopped, and their answers are not to be used."""
    SCREENED_OUT = "screened_out"
    FAILED_PRACTICE = "failed_practice"
    OVER_QUOTA = "over_quota"
    """Enough raters of their group had taken part."""

    @property
    def is_ineligible(self) -> bool:
        """True if the study turned them away; False if they chose to leave."""
        return self not in {LeavingReason.STOPPED, LeavingReason.WITHDRAWN}


class FreedReason(StrEnum):
    """The reason why the place of a rater was freed."""

    INACTIVE = "inactive"
    """They did not answer for longer than the study allows, and somebody else came."""
    BY_HAND = "by_hand"
    """An experimenter freed it."""
    RETURNED = "returned"
    """The participant returned the submission on the recruitment site."""
    TIMED_OUT = "timed_out"
    """The submission timed out on the recruitment site."""
    REJECTED = "rejected"
    """The submission was rejected on the recruitment site."""
    FAILED_CHECKS = "failed_checks"
    """They failed the attention checks by the rule of the study."""

    @property
    def frees_finished(self) -> bool:
        """True if the place of a rater who has finished is freed, too."""
        return self not in {FreedReason.INACTIVE, FreedReason.BY_HAND}

    @property
    def is_of_submission(self) -> bool:
        """True if the recruitment site ended the submission, which is for all booklets of the rater."""
        return self in {FreedReason.RETURNED, FreedReason.TIMED_OUT, FreedReason.REJECTED}


class GuessChoice(StrEnum):
    """The label that a rater chose in the blinding question."""

    FIRST = "first"
    SECOND = "second"
    UNSURE = "unsure"


class ScreeningQuestion(Declaration):
    """An eligibility question; its answers are not stored."""

    question: Question
    """The question. (rater)"""
    options: Annotated[tuple[Label, ...], Field(min_length=2, max_length=20), InOrder]
    """The answer options. (rater)"""
    accepted: Annotated[tuple[Label, ...], Field(min_length=1), InOrder]
    """The options of eligible raters. (experimenter)"""

    @model_validator(mode="after")
    def _accepted_are_offered(self) -> Self:
        require_offered("accepted", self.accepted, self.options)
        return self


def require_offered(field: str, values: Iterable[str], offered: Iterable[str]) -> None:
    """Refuse a value that is not one of the options.

    Raises:
        ValueError: If a value is not an option; pydantic adds the place.
    """
    known = list(offered)
    for value in values:
        if value not in known:
            msg = f"{field} has {value!r}, which is not an option; valid: {', '.join(map(repr, known))}"
            raise ValueError(msg)


class Recruitment(Declaration):
    """Parameters that a recruitment platform adds to the link, which prevent a person from starting twice."""

    participant_id: Parameter
    """Parameter with the participant ID of the platform. (experimenter)"""
    other_parameters: Annotated[tuple[Parameter, ...], InOrder] = ()
    """Further parameters that are stored with the rater. (experimenter)"""
    required: bool = False
    """Turn away raters without a participant ID. (experimenter)"""
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Regular expression that a whole participant ID must match; other values count as missing.
    (experimenter)"""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that are read from a link, the participant ID first."""
        return (self.participant_id, *self.other_parameters)

    @model_validator(mode="after")
    def _parameters_differ(self) -> Self:
        require_different("recruitment", self.parameters, "name each parameter once")
        return self

    @model_validator(mode="after")
    def _pattern_can_be_matched(self) -> Self:
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            msg = f"pattern {self.pattern!r} is not a regular expression: {error}"
            raise ValueError(msg) from error
        return self


PROLIFIC = Recruitment(
    participant_id="PROLIFIC_PID", other_parameters=("STUDY_ID", "SESSION_ID"), pattern="[0-9A-Fa-f]{24}"
)
"""The parameters that Prolific adds to the link; its participant IDs are 24 hexadecimal digits."""
CLOUDRESEARCH = Recruitment(participant_id="participantId", other_parameters=("assignmentId", "projectId"))
"""The parameters that CloudResearch Connect adds to the link."""
MTURK = Recruitment(participant_id="workerId", other_parameters=("assignmentId", "hitId"))
"""The parameters of Mechanical Turk survey-link HITs; the page of the HIT must add them to the link."""
SONA = Recruitment(participant_id="survey_code")
"""The parameter of SONA Systems; the address of the ending returns it as {survey_code}, for credit."""


class BlindingQuestion(Declaration):
    """The question after the last trial that tests the blinding: which texts were made in a special way.

    The default wording is true for every study, regardless of how its texts were made. The labels do not
    reveal arms; the arms for which the first one is correct are sealed (`Study.guessed_arms`).
    """

    question: Question = (
        "Some of the texts were made in a special way, the others in the usual way. How was this one made?"
    )
    """The question. (rater)"""
    n_texts: Annotated[int, Field(ge=0, le=20)] = 4
    """Number of texts that it is asked about; 0 asks once about all texts, with a custom question. (rater)"""
    labels: Annotated[tuple[Label, Label], InOrder] = ("In a special way", "In the usual way")
    """The two answers. (rater)"""
    unsure: Label = "I could not tell"
    """The third answer, "don't know". (rater)"""

    @model_validator(mode="after")
    def _words_fit(self) -> Self:
        if not self.n_texts and self.question == type(self).model_fields["question"].default:
            msg = "question is about one text, but n_texts=0 asks about all texts; write your own question"
            raise ValueError(msg)
        require_different("labels", (*self.labels, self.unsure), "give each answer its own")
        return self
