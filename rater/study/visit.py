"""Declare a rater's visit around the trials: the way in, what is asked before and after, the way out."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Self
from urllib.parse import quote, urlsplit

from pydantic import Field, StringConstraints, model_validator

from rater.names import is_template
from rater.study.declaration import Declaration, InOrder, Label, Question, require_different

_PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]{0,63})\}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
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
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """A regular expression that the site's identifiers of people match as a whole; a value that does not
    counts as missing. (experimenter)"""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters that are read from a link, the person's first."""
        return (self.person, *self.keep)

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


PROLIFIC = Recruitment(person="PROLIFIC_PID", keep=("STUDY_ID", "SESSION_ID"), pattern="[0-9A-Fa-f]{24}")
"""The parameters that Prolific adds to a study's link; its identifiers are 24 hexadecimal digits."""
CLOUDRESEARCH = Recruitment(person="participantId", keep=("assignmentId", "projectId"))
"""The parameters that CloudResearch Connect adds to a study's link."""
MTURK = Recruitment(person="workerId", keep=("assignmentId", "hitId"))
"""Mechanical Turk's parameters, for survey-link HITs: the HIT's own page must put them into the link."""


class Ending(Declaration):
    """How a rater leaves: with a code, to an address, or neither."""

    code: Code | None = None
    """The code that shows the recruitment site how the visit ended. (rater)"""
    url: Url | None = None
    """Where a button leads, and the page after ten seconds. A declared parameter of the link in braces, as in
    ``…&survey_code={survey_code}``, is replaced by what the rater's link said. (rater)"""

    @property
    def placeholders(self) -> frozenset[str]:
        """The parameters that the address contains in braces."""
        return frozenset(_PLACEHOLDER.findall(self.url or ""))

    def address_for(self, identifiers: Mapping[str, str]) -> str | None:
        """Return the address for one rater, with their identifiers in it, percent-encoded.

        None where the study gives no address, or where an identifier is missing that it needs: an address
        with a gap in it would lead to an error on the other site.
        """
        if self.url is None or not self.placeholders <= identifiers.keys():
            return None
        return _PLACEHOLDER.sub(lambda found: quote(identifiers[found[1]], safe=""), self.url)

    @model_validator(mode="after")
    def _code_is_final(self) -> Self:
        if self.code is not None and is_template(self.code):
            msg = f"code {self.code!r} is a placeholder, which nobody would fill in; valid: the code itself"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _address_can_be_filled(self) -> Self:
        if self.url is None:
            return self
        host = urlsplit(_PLACEHOLDER.sub("{}", self.url)).netloc
        if is_template(host.strip("[]")) or not host:
            msg = f"url {self.url!r} has no fixed host; valid: an address such as https://example.org/done"
            raise ValueError(msg)
        odd = next(_unfilled_parts(_PLACEHOLDER.sub("x", self.url)), None)
        if odd is not None:
            msg = (
                f"url {self.url!r} contains {odd!r}, which nobody would fill in: raters would be led to it "
                "as it is; valid: a parameter that `recruitment` declares, in braces, such as {survey_code}"
            )
            raise ValueError(msg)
        return self


def _unfilled_parts(url: str) -> Iterator[str]:
    """Yield the parts of an address that are placeholders of some template language."""
    split = urlsplit(url)
    values = [part.split("=", 1)[-1] for part in split.query.split("&")]
    for part in (*split.path.split("/"), *values, split.fragment):
        if part and (is_template(part) or _BAD_ESCAPE.search(part)):
            yield part


class Endings(Declaration):
    """How a rater leaves who finished, was screened out, declined or stopped, or could not begin."""

    finished: Ending = Ending()
    """For who rated every text. (rater)"""
    screened_out: Ending = Ending()
    """For who cannot take part, by their answers to the screening or the practice. (rater)"""
    declined: Ending = Ending()
    """For who did not consent. (rater)"""
    stopped: Ending = Ending()
    """For who stopped on the way. (rater)"""
    full: Ending = Ending()
    """For who comes when every place is taken. (rater)"""
    closed: Ending = Ending()
    """For who comes, or comes back, when the study is closed. (rater)"""
    paused: Ending = Ending()
    """For who comes, or comes back, while the study is paused. (rater)"""
    late: Ending = Ending()
    """For raters whose place was given to someone else after ``booklet_hours``, if ``late_raters`` is
    "stop". (rater)"""

    def by_name(self) -> Iterator[tuple[str, Ending]]:
        """Yield each ending with its name."""
        for name in type(self).model_fields:
            yield name, getattr(self, name)


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
