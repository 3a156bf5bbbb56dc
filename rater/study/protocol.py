"""What raters see: texts, questions and scales, practice, breaks, and the time that it takes.

Recruitment sites pay by this number, so leaving something out underpays raters.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from rater.errors import nearest
from rater.study.declaration import (
    Declaration,
    InOrder,
    Label,
    Name,
    Question,
    Text,
    Title,
    require_different,
)
from rater.study.practice_and_checks import AttentionCheck, Practice
from rater.study.scales import SECONDS_PER_CHOICE, Scale
from rater.study.translation import Language, Translation
from rater.study.visit import BlindingQuestion, Endings, Recruitment, ScreeningQuestion

Revising = Literal["all", "last", "none"]
# bold print, in the languages of our pages and some others
_BOLD = re.compile(
    r"\b(bold(face)?|fett\w*|halbfett\w*|negritas?|gras(se)?|grassetto|negrito|vet(gedrukt\w*)?|fed|fet)\b"
    r"|[粗加]体|粗體|加粗|太字|굵은|жирн|полужирн",
    re.IGNORECASE,
)


class Dimension(Declaration):
    """Something raters judge about each text: a question and its scale."""

    name: Name
    """The dimension's name in tables. (experimenter)"""
    question: Question
    """What is asked under each text. (rater)"""
    scale: Scale
    """How it can be answered. (rater)"""
    cannot_judge: bool = False
    """Whether a rater may say that they cannot judge a text. (rater)"""
    comment: Label | None = None
    """What a field for a free comment is called; without it there is none. (rater)"""


class Protocol(Declaration):
    """Everything that raters are shown around the texts they rate; the web process knows no more of a study.

    Texts are Markdown.
    """

    title: Title
    """The study's title on its pages. (rater)"""
    consent: Text
    """What a rater agrees to: what is asked, how long, what is stored, whom to ask. (rater)"""
    content_notice: Text | None = None
    """What in the texts may disturb somebody, said before consent. (rater)"""
    screening: Annotated[tuple[ScreeningQuestion, ...], InOrder] = ()
    """What is asked of who consented, to find those who can take part. (rater)"""
    contact: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)] | None = (
        None
    )
    """Whom raters can ask, on the foot of every page: a name, an address, or both. (rater)"""
    minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    """How many minutes raters are told that it takes; by default, an estimate of what is asked. (rater)"""
    instructions: Text
    """How to rate. (rater)"""
    explain_bold: bool | None = None
    """Whether a sentence of ours under the instructions explains the words in bold, which are the prompt; by
    default it does unless the instructions mention bold print themselves. (rater)"""
    practice: Annotated[tuple[Practice, ...], Field(max_length=20), InOrder] = ()
    """Texts to try the scale on, before the first trial. (rater)"""
    practice_pass: Annotated[int, Field(ge=1)] | None = None
    """How many practice texts must be rated right, in two attempts; without it nobody fails. (rater)"""
    dimensions: Annotated[tuple[Dimension, ...], Field(min_length=1), InOrder]
    """What raters judge, in the order asked. (rater)"""
    revising: Revising = "all"
    """How far back a rater may change an answer before the end: any, the last one, or none. (rater)"""
    go_on_at_once: bool = False
    """Whether a press on the only question's answer goes to the next text at once. (rater)"""
    break_every: Annotated[int, Field(ge=1)] | None = None
    """After how many trials a rest is offered, again and again. (rater)"""
    blinding: BlindingQuestion | None = None
    """What is asked after the last trial about which texts were changed. (rater)"""
    final_comment: Question | None = None
    """What is asked for in a free comment at the end. (rater)"""
    thanks: Text = "Thank you. All your answers are saved; you can close this page."
    """What is said after the last text. (rater)"""
    debrief: Text | None = None
    """What the study was about, shown when it has closed. (rater)"""
    debrief_at_once: bool = False
    """Whether the debrief is shown to each rater who finishes, while others still rate. (rater)"""
    endings: Endings = Endings()
    """Codes and addresses for who finished, was screened out, declined or stopped, or found the study full,
    closed or paused. (rater)"""
    recruitment: Recruitment | None = None
    """What a recruitment site adds to the link. (experimenter)"""
    invited_only: bool = False
    """Whether only personal links (``rater invite``) open the study. (experimenter)"""
    booklet_hours: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """After how many hours without an answer a booklet is dealt again, whole, to a new rater.
    (experimenter)"""
    late_raters: Literal["finish", "stop"] = "finish"
    """Whether who comes back to a booklet dealt again may finish it, as surplus, or not. (experimenter)"""
    language: Language = "en"
    """The language of these texts, as a tag such as ``pt`` or ``pt-BR``; our own words are in it if we speak
    it, else in English, and follow the browser where these texts are translated. (rater)"""
    translations: dict[Language, Translation] = Field(default_factory=dict)
    """These texts in other languages, by language. (rater)"""
    accent: Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$", to_lower=True)] | None = None
    """The colour of the chosen answer and the primary button, as ``#rrggbb``. (rater)"""

    @property
    def explains_bold(self) -> bool:
        """Whether our sentence about the words in bold is shown under the instructions."""
        if self.explain_bold is not None:
            return self.explain_bold
        return _BOLD.search(self.instructions) is None

    @property
    def n_texts(self) -> int:
        """The number of texts that a trial shows."""
        return self.dimensions[0].scale.n_texts

    @property
    def is_pairwise(self) -> bool:
        """Whether a trial shows two texts."""
        return self.n_texts == 2

    @model_validator(mode="after")
    def _dimensions_agree(self) -> Self:
        names = (dimension.name for dimension in self.dimensions)
        require_different("dimensions", names, "give each its own name")
        if len({dimension.scale.n_texts for dimension in self.dimensions}) > 1:
            msg = "dimensions has Pairwise and other scales; a trial shows either two texts or one"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _practice_can_be_rated(self) -> Self:
        for index, practice in enumerate(self.practice):
            require_asked(f"practice[{index}]", practice, practice.accepted, self)
        markable = sum(bool(practice.accepted) for practice in self.practice)
        if self.practice_pass is not None and self.practice_pass > markable:
            msg = (
                f"practice_pass is {self.practice_pass}, but {markable} practice texts say which answers are "
                "right (`accepted`); valid: at most that many"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _choices_can_go_on_at_once(self) -> Self:
        only = self.dimensions[0]
        if self.go_on_at_once and (len(self.dimensions) > 1 or not only.scale.choices or only.comment):
            msg = "go_on_at_once needs a single dimension of choices, without a comment"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _endings_name_parameters(self) -> Self:
        declared = self.recruitment.parameters if self.recruitment else ()
        for name, ending in self.endings.by_name():
            for parameter in sorted(ending.placeholders.difference(declared)):
                valid = ", ".join(f"{{{each}}}" for each in declared) or "none, as there is no recruitment"
                msg = (
                    f"endings.{name}.url contains {{{parameter}}}, which no link of this study brings; "
                    f"valid: the parameters that recruitment declares ({valid})"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _translations_fit(self) -> Self:
        for language, translation in self.translations.items():
            if language == self.language:
                msg = f"translations has {language!r}, which is the language of the study itself"
                raise ValueError(msg)
            for name, own in (("screening", self.screening), ("practice", self.practice)):
                given = getattr(translation, name)
                if given is not None and len(given) != len(own):
                    msg = f"translations[{language!r}].{name} has {len(given)}, but the study has {len(own)}"
                    raise ValueError(msg)
            for name in translation.dimensions:
                _require_dimension(f"translations[{language!r}].dimensions", name, self)
            self.in_language(language)  # validates the labels against the scales
        return self

    def in_language(self, language: str) -> "Protocol":
        """Return the protocol with its texts in a language, as far as they are given in it."""
        found = next((text for code, text in self.translations.items() if code == language), None)
        if found is None:
            return self
        texts = {name: text for name, text in found if text is not None and name != "dimensions"}
        dimensions = tuple(
            dimension.model_copy(update=_translated(dimension, found)) for dimension in self.dimensions
        )
        return self.model_copy(update={**texts, "dimensions": dimensions, "language": language})


def _translated(dimension: Dimension, found: Translation) -> dict[str, object]:
    given = found.dimensions.get(dimension.name)
    if given is None:
        return {}
    said = {name: text for name, text in given if text is not None}
    scale = {name: text for name, text in said.items() if name in type(dimension.scale).model_fields}
    if dimension.comment is None:
        said.pop("comment", None)
    return {
        **{name: text for name, text in said.items() if name in {"question", "comment"}},
        "scale": type(dimension.scale).model_validate(dimension.scale.model_dump() | scale),
    }


def require_asked(
    place: str,
    shown: Practice | AttentionCheck,
    accepted: Mapping[str, tuple[float, float]],
    protocol: Protocol,
) -> None:
    """Refuse a text that a trial of this protocol cannot show, or answers that its scales do not have.

    Raises:
        ValueError: so it is; pydantic gives the message a place.
    """
    if protocol.is_pairwise != (shown.other_text is not None):
        msg = f"{place} has {'one text' if protocol.is_pairwise else 'two texts'}, unlike the study's trials"
        raise ValueError(msg)
    require_answers(place, accepted, protocol)


def require_answers(place: str, accepted: Mapping[str, tuple[float, float]], protocol: Protocol) -> None:
    """Refuse answers that the scales of a protocol do not have.

    Raises:
        ValueError: so it is; pydantic gives the message a place.
    """
    for name, ends in accepted.items():
        _require_dimension(f"{place}.accepted", name, protocol)
        scale = next(each.scale for each in protocol.dimensions if each.name == name)
        for end in _outside(ends, scale.lowest, scale.highest):
            msg = f"{place}.accepted[{name!r}] has {end:g}; valid: {scale.lowest:g} to {scale.highest:g}"
            raise ValueError(msg)


def _outside(values: tuple[float, float], lowest: float, highest: float) -> Iterator[float]:
    return (value for value in values if not lowest <= value <= highest)


def _require_dimension(place: str, name: str, protocol: Protocol) -> None:
    names = [dimension.name for dimension in protocol.dimensions]
    if name not in names:
        msg = f"{place} names {name!r}, which is no dimension.{nearest(name, names)}"
        raise ValueError(msg)


WORDS_PER_MINUTE = 238
"""Silent reading of non-fiction in English (Brysbaert 2019, Journal of Memory and Language 109, 104047)."""
CHARACTERS_PER_WORD = 5.7
"""An English word with its space."""
SECONDS_PER_COMMENT = 30.0
"""Writing a sentence or two; our assumption, as are the times below and those of the scales."""
SECONDS_PER_BREAK = 30.0
SECONDS_PER_PAGE = 3.0
"""Finding the button of a page, and waiting for the next one."""


def describe_duration(seconds: float) -> str:
    """Return a duration in words, such as "40 s", "12 minutes", "1.5 hours" or "3 days"."""
    if round(seconds) < 60:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        minutes = round(seconds / 60)
        return f"{minutes} minute{'s' * (minutes != 1)}"
    hours = seconds / 3600
    return f"{hours:.1f} hours".replace(".0 ", " ") if hours < 48 else f"{round(hours / 24)} days"


def seconds_per_trial(protocol: Protocol, n_words: float, *, n_questions: int) -> float:
    """Estimate the seconds that one trial takes.

    Args:
        protocol: What is asked.
        n_words: How many words a trial shows.
        n_questions: How many of the dimensions it asks; where not all, any of them equally often.
    """
    asked = [_seconds_per_answer(dimension) for dimension in protocol.dimensions]
    return _reading_s(n_words) + n_questions * sum(asked) / len(asked)


def seconds_around_trials(protocol: Protocol, *, n_trials: int, words_per_trial: float) -> float:
    """Estimate the seconds that everything but the trials takes.

    Args:
        protocol: What is read and asked.
        n_trials: How many trials a booklet has; breaks follow some of them.
        words_per_trial: How many words a trial shows; the blinding question shows some texts again.
    """
    n_breaks = (n_trials - 1) // protocol.break_every if protocol.break_every and n_trials else 0
    return (
        _reading_s(sum(map(_words, (protocol.consent, protocol.content_notice, protocol.instructions))))
        + 4 * SECONDS_PER_PAGE  # first page, consent, instructions, last page
        + _screening_s(protocol)
        + _practice_s(protocol)
        + n_breaks * SECONDS_PER_BREAK
        + _blinding_s(protocol, n_trials, words_per_trial)
        + (SECONDS_PER_COMMENT if protocol.final_comment else 0)
    )


def visit_minutes(protocol: Protocol, *, n_trials: int, words_per_trial: float, n_questions: int) -> float:
    """Estimate the minutes of a whole visit."""
    per_trial_s = seconds_per_trial(protocol, words_per_trial, n_questions=n_questions)
    around_s = seconds_around_trials(protocol, n_trials=n_trials, words_per_trial=words_per_trial)
    return (n_trials * per_trial_s + around_s) / 60


def stated_minutes(protocol: Protocol, *, n_trials: int, characters_per_text: float, asks_all: bool) -> int:
    """Return the minutes that raters are told: those that the study states, else an estimate; at least one.

    Args:
        protocol: What is read and asked.
        n_trials: How many trials a booklet has.
        characters_per_text: How long a prompt with its text is on average.
        asks_all: Whether each trial asks all dimensions; otherwise one.
    """
    if protocol.minutes is not None:
        return protocol.minutes
    estimated = visit_minutes(
        protocol,
        n_trials=n_trials,
        words_per_trial=protocol.n_texts * characters_per_text / CHARACTERS_PER_WORD,
        n_questions=len(protocol.dimensions) if asks_all else 1,
    )
    return max(1, round(estimated))


def _seconds_per_answer(dimension: Dimension) -> float:
    return dimension.scale.seconds_per_answer + (SECONDS_PER_COMMENT if dimension.comment else 0)


def _screening_s(protocol: Protocol) -> float:
    if not protocol.screening:
        return 0
    words = sum(_words(each.question) + sum(map(_words, each.options)) for each in protocol.screening)
    return SECONDS_PER_PAGE + _reading_s(words) + SECONDS_PER_CHOICE * len(protocol.screening)


def _practice_s(protocol: Protocol) -> float:
    answers = sum(map(_seconds_per_answer, protocol.dimensions))
    return sum(
        _reading_s(sum(map(_words, (each.prompt, each.text, each.other_text, each.feedback)))) + answers
        for each in protocol.practice
    )


def _blinding_s(protocol: Protocol, n_trials: int, words_per_trial: float) -> float:
    if protocol.blinding is None:
        return 0
    n_texts = min(protocol.blinding.n_texts, n_trials)
    words_per_text = words_per_trial / protocol.n_texts
    return (
        SECONDS_PER_PAGE
        + _reading_s(_words(protocol.blinding.question) + n_texts * words_per_text)
        + max(1, n_texts) * SECONDS_PER_CHOICE
    )


def _reading_s(n_words: float) -> float:
    return n_words / WORDS_PER_MINUTE * 60


def _words(text: str | None) -> float:
    return len(text or "") / CHARACTERS_PER_WORD
