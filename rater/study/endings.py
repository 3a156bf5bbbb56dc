"""The endings of a visit: for each outcome a completion code, a redirect URL and words of the study's own."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import quote, urlsplit

from pydantic import StringConstraints, model_validator

from rater.names import is_template
from rater.study.declaration import Declaration, Text
from rater.study.visit import LeavingReason

_PLACEHOLDER = re.compile(r"\{([A-Za-z][A-Za-z0-9_]{0,63})\}")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
Code = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https://[^\s\"<>\\]{1,1000}$")]


class Outcome(StrEnum):
    """The outcome of a visit, by which its ending is chosen; each is a field of `Endings`."""

    FINISHED = "finished"
    FAILED_CHECKS = "failed_checks"
    """They finished, and failed the attention checks by the rule of the study."""
    SCREENED_OUT = "screened_out"
    FAILED_PRACTICE = "failed_practice"
    DECLINED = "declined"
    STOPPED = "stopped"
    WITHDRAWN = "withdrawn"
    FULL = "full"
    CLOSED = "closed"
    PAUSED = "paused"
    LATE = "late"
    EXCLUDED = "excluded"
    """They took part in a study whose participants are excluded."""

    @classmethod
    def of_leaving(cls, why: LeavingReason) -> "Outcome":
        """Return the outcome of a rater who left for good."""
        return cls.FULL if why is LeavingReason.OVER_QUOTA else cls(why.value)


class Ending(Declaration):
    """The end of a visit: a completion code, a redirect URL and words of the study's own, each optional."""

    code: Code | None = None
    """Completion code for the recruitment platform. (rater)"""
    url: Url | None = None
    """URL of a button, to which the page also redirects after ten seconds. Declared parameters in braces, as
    in ``…&survey_code={survey_code}``, are replaced by their values in the link of the rater. (rater)"""
    text: Text | None = None
    """Text in place of the usual words, in Markdown. The text of raters who finished is ``thanks``.
    (rater)"""

    @property
    def placeholders(self) -> frozenset[str]:
        """The parameters in braces in the URL."""
        return frozenset(_PLACEHOLDER.findall(self.url or ""))

    def address_for(self, identifiers: Mapping[str, str]) -> str | None:
        """Return the URL for one rater, with their percent-encoded identifiers.

        None if there is no URL, or if an identifier is missing: an incomplete URL would lead to an error page
        of the recruitment platform.
        """
        if self.url is None or not self.placeholders <= identifiers.keys():
            return None
        return _PLACEHOLDER.sub(lambda found: quote(identifiers[found[1]], safe=""), self.url)

    @model_validator(mode="after")
    def _code_is_final(self) -> Self:
        if self.code is not None and is_template(self.code):
            msg = f"code {self.code!r} is an unfilled placeholder; valid: the code itself"
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
                f"url {self.url!r} contains {odd!r}, a placeholder that is never replaced; valid: a "
                "parameter that `recruitment` declares, in braces, such as {survey_code}"
            )
            raise ValueError(msg)
        return self


def _unfilled_parts(url: str) -> Iterator[str]:
    """Yield the parts of a URL that are placeholders of a template language."""
    split = urlsplit(url)
    values = [part.split("=", 1)[-1] for part in split.query.split("&")]
    for part in (*split.path.split("/"), *values, split.fragment):
        if part and (is_template(part) or _BAD_ESCAPE.search(part)):
            yield part


class Endings(Declaration):
    """Completion codes, redirect URLs and texts, by the outcome of a visit."""

    finished: Ending = Ending()
    """For raters who finished. (rater)"""
    failed_checks: Ending | None = None
    """For raters who finished and failed the attention checks by ``check_rule``; by default as ``finished``.
    (rater)"""
    screened_out: Ending = Ending()
    """For raters who failed the screening. (rater)"""
    failed_practice: Ending | None = None
    """For raters who failed the practice; by default as ``screened_out``, with other words. (rater)"""
    declined: Ending = Ending()
    """For raters who did not consent. (rater)"""
    stopped: Ending = Ending()
    """For raters who stopped early. (rater)"""
    withdrawn: Ending | None = None
    """For raters who stopped and withdrew their answers; by default as ``stopped``, with other words.
    (rater)"""
    full: Ending = Ending()
    """For raters who arrive when all places, or those of their quota, are taken. (rater)"""
    closed: Ending = Ending()
    """For raters who arrive or return when the study is closed. (rater)"""
    paused: Ending = Ending()
    """For raters who arrive or return while the study is paused. (rater)"""
    late: Ending = Ending()
    """For raters who return when their booklet was reassigned, if ``late_raters`` is "stop". (rater)"""

    excluded: Ending = Ending()
    """For visitors who took part in one of ``excluded_studies``. (rater)"""

    def by_name(self) -> Iterator[tuple[str, Ending]]:
        """Yield each declared ending with its name."""
        for name in type(self).model_fields:
            ending = getattr(self, name)
            if ending is not None:
                yield name, ending

    def of(self, outcome: Outcome) -> Ending:
        """Return the ending for an outcome, with the code and URL of the usual one where it has none."""
        declared: Ending | None = getattr(self, outcome.value)
        if declared is not None:
            return declared
        usual: Ending = getattr(self, _AS[outcome].value)
        return usual.model_copy(update={"text": None})

    def in_words(self, texts: Mapping[Outcome, str]) -> "Endings":
        """Return the endings with other texts, by outcome: those of a translation."""
        update = {name.value: self.of(name).model_copy(update={"text": text}) for name, text in texts.items()}
        return self.model_copy(update=update)

    @model_validator(mode="after")
    def _thanks_have_one_text(self) -> Self:
        if self.finished.text is not None:
            msg = "finished.text is given, but raters who finish read `thanks`; valid: thanks='…'"
            raise ValueError(msg)
        return self


_AS = {
    Outcome.FAILED_CHECKS: Outcome.FINISHED,
    Outcome.FAILED_PRACTICE: Outcome.SCREENED_OUT,
    Outcome.WITHDRAWN: Outcome.STOPPED,
}
"""The ending that an outcome has if the study declares none of its own."""
