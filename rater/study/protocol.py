"""The protocol that raters see: texts, questions and scales, practice and breaks."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from rater.errors import nearest
from rater.study.bonus import Bonus
from rater.study.conversation import RatedPart
from rater.study.declaration import (
    Declaration,
    InOrder,
    Name,
    Question,
    Text,
    Title,
    require_different,
)
from rater.study.dimension import OWN_TEXTS, Dimension
from rater.study.endings import Endings
from rater.study.fields import ShownField
from rater.study.label_choice import require_as_many_options
from rater.study.logo import Logo
from rater.study.practice_and_checks import AttentionCheck, CheckRule, Practice
from rater.study.questionnaire import Question as QuestionnaireQuestion
from rater.study.questionnaire import When
from rater.study.quota import Quota, require_quotas
from rater.study.translation import DimensionTranslation, Language, Translation
from rater.study.visit import BlindingQuestion, Recruitment, ScreeningQuestion

Revising = Literal["all", "last", "none"]
Rendering = Literal["plain", "markdown"]
Reasoning = Literal["hidden", "folded", "shown"]
Devices = Literal["desktop", "phone"]
TrialNoun = Literal["text", "pair", "group"]
"""The noun for a trial: one text, a pair of texts, or a group of several."""
# Recruitment sites time a submission out after one to three hours; later nobody is paid for coming back.
RECRUITED_INACTIVE_HOURS = 4.0
"""Default of `Protocol.reassign_after_hours` for a study with `recruitment`."""
MAX_FINAL_COMMENT = 5_000
"""Characters of the comment at the end; longer ones are cut."""

# bold print, in the languages of our pages and some others
_BOLD = re.compile(
    r"\b(bold(face)?|fett\w*|halbfett\w*|negritas?|gras(se)?|grassetto|negrito|vet(gedrukt\w*)?|fed|fet)\b"
    r"|[粗加]体|粗體|加粗|太字|굵은|жирн|полужирн",
    re.IGNORECASE,
)


class Protocol(Declaration):
    """Everything that raters see apart from the rated texts. The web process knows nothing else of a study.

    Texts are Markdown.
    """

    title: Title
    """Title of the study on its pages. (rater)"""
    consent: Text
    """Consent text: the task, its duration, the data that are stored, and a contact. (rater)"""
    content_notice: Text | None = None
    """Content warning, shown before consent. (rater)"""
    screening: Annotated[tuple[ScreeningQuestion, ...], InOrder] = ()
    """Eligibility questions, asked after consent. (rater)"""
    questionnaire: Annotated[tuple[QuestionnaireQuestion, ...], Field(max_length=50), InOrder] = ()
    """Questions about the raters, before or after the trials; each can be declined. (rater)"""
    contact: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)] | None = (
        None
    )
    """Contact in the footer of every page: a name, an address, or both. (rater)"""
    minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    """Duration in minutes that raters are shown; by default an estimate from the texts and questions.
    (rater)"""
    instructions: Text
    """Instructions for rating. (rater)"""
    explain_bold: bool | None = None
    """Add a sentence to the instructions which explains that the words in bold are the prompt; by default it
    is added unless the instructions mention bold print. (rater)"""
    practice: Annotated[tuple[Practice, ...], Field(max_length=20), InOrder] = ()
    """Practice trials, before the first trial. (rater)"""
    practice_pass: Annotated[int, Field(ge=1)] | None = None
    """Number of practice trials that must be answered correctly, in at most two attempts; None for no pass
    mark. (rater)"""
    dimensions: Annotated[tuple[Dimension, ...], Field(min_length=1), InOrder]
    """The dimensions that raters judge, in order. (rater)"""
    shown_fields: Annotated[tuple[ShownField, ...], InOrder] = ()
    """Fields of the items that raters see above each text, in order. (rater)"""
    rated: RatedPart | None = None
    """Part of a conversation that is generated and rated: its "last_turn", the default for items with turns,
    or the whole "conversation", in which every turn of the assistant is generated. (rater)"""
    rendering: Rendering = "plain"
    """Rendering of completions, in all arms: "plain", or "markdown" with tables and code blocks. (rater)"""
    reasoning: Reasoning | None = None
    """Parts of completions between <think> and </think>, in all arms: "hidden", "folded" so that raters can
    open them, or "shown" set apart; by default they are text like any other, with their tags. (rater)"""
    revising: Revising = "all"
    """The answers that a rater may change before the end: all, only the last one, or none. (rater)"""
    auto_advance: bool = False
    """Go to the next trial as soon as an answer is chosen; for studies with one question. (rater)"""
    least_seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    """Seconds for which a trial must be shown before its first answer is accepted; None for no limit. The
    server counts from the answer before it. (rater)"""
    read_to_end: bool = False
    """Accept an answer only when the end of each text was on the screen; needs JavaScript. (rater)"""
    devices: Devices | None = None
    """Devices with which a rater can start: "desktop" or "phone" (with tablets); None for all. (rater)"""
    break_every: Annotated[int, Field(ge=1)] | None = None
    """Number of trials between two breaks; None for no breaks. (rater)"""
    blinding: BlindingQuestion | None = None
    """The blinding question, asked after the last trial. (rater)"""
    final_comment: Question | None = None
    """Question for a free comment at the end. (rater)"""
    thanks: Text = "Thank you. All your answers are saved; you can close this page."
    """Text after the last trial. (rater)"""
    debrief: Text | None = None
    """Debriefing: the purpose of the study, shown when it is closed. (rater)"""
    debrief_immediately: bool = False
    """Show the debriefing to each rater who finishes, while others still rate. (rater)"""
    endings: Endings = Endings()
    """Completion codes, redirect URLs and texts for raters who finish, are screened out, decline or stop, or
    who find the study full, closed or paused. (rater)"""
    recruitment: Recruitment | None = None
    """Parameters that a recruitment platform adds to the link. (experimenter)"""
    excluded_studies: Annotated[tuple[Name, ...], Field(max_length=50), InOrder] = ()
    """Names of other studies whose participants cannot take part; they are recognised by their participant
    ID. (experimenter)"""
    invited_only: bool = False
    """Admit raters with a personal link only (``rater invite``). (experimenter)"""
    reassign_after_hours: Annotated[float, Field(gt=0, le=10_000)] | None = None
    """Hours without an answer after which the whole booklet is assigned to a new rater; by default 4 if
    `recruitment` is set, and otherwise never. (experimenter)"""
    late_raters: Literal["finish", "stop"] = "finish"
    """Raters who return after their booklet was reassigned may "finish" it as surplus, or must "stop".
    (experimenter)"""
    booklets_per_rater: Annotated[int, Field(ge=1, le=20)] = 1
    """Largest number of booklets that one rater may rate. A rater who has finished one is offered another
    with texts that they have not seen, while places are free. (experimenter)"""
    quotas: Annotated[tuple[Quota, ...], Field(max_length=50), InOrder] = ()
    """Largest numbers of raters by an answer in the questionnaire. (experimenter)"""
    check_rule: CheckRule | None = None
    """Rule by which raters fail the attention checks, and the number of raters who are replaced because of
    it. (experimenter)"""
    bonus: Bonus | None = None
    """Rule by which raters are paid a bonus. (experimenter)"""
    language: Language = "en"
    """Language of these texts, as a BCP 47 tag such as ``pt`` or ``pt-BR``. The interface is in this language
    where it is translated, else in English; with `translations` it follows the browser. (rater)"""
    translations: dict[Language, Translation] = Field(default_factory=dict)
    """Translations of these texts, by language. (rater)"""
    accent: Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$", to_lower=True)] | None = None
    """Colour of the chosen answer and of the primary button, as ``#rrggbb``. (rater)"""
    logo: Logo | None = None
    """A picture at the top of every page for raters. (rater)"""

    @property
    def explains_bold(self) -> bool:
        """True if a sentence under the instructions explains the words in bold."""
        if self.explain_bold is not None:
            return self.explain_bold
        return self.rated is None and _BOLD.search(self.instructions) is None

    @property
    def n_texts(self) -> int:
        """The number of texts that a trial shows."""
        return self.dimensions[0].scale.n_texts

    @property
    def has_odd_text(self) -> bool:
        """True if one text of a trial is of one arm, and the others are of another arm."""
        return self.dimensions[0].scale.has_odd_text

    @property
    def has_ranks(self) -> bool:
        """True if raters give ranks to the texts of a trial."""
        return any(dimension.scale.ranks for dimension in self.dimensions)

    @property
    def has_blocks(self) -> bool:
        """True if a page shows prompt and text apart; else a text continues its prompt in one paragraph."""
        is_split = self.reasoning in {"folded", "shown"}
        return self.rated is not None or self.rendering != "plain" or is_split

    @property
    def is_pairwise(self) -> bool:
        """True if a trial shows two texts."""
        return self.n_texts == 2

    @property
    def inactive_hours(self) -> float | None:
        """Hours without an answer after which a booklet is assigned again; None for never."""
        if self.reassign_after_hours is None and self.recruitment is not None:
            return RECRUITED_INACTIVE_HOURS
        return self.reassign_after_hours

    @property
    def finish_is_final(self) -> bool:
        """True if no answer can be changed after the last one, so that no page asks to confirm the end."""
        return self.revising == "none" and self.blinding is None

    @property
    def trial_noun(self) -> TrialNoun:
        """The noun that pages count trials with."""
        return "text" if self.n_texts == 1 else "pair" if self.n_texts == 2 else "group"

    def questions(self, when: When) -> tuple[QuestionnaireQuestion, ...]:
        """Return the questions about the raters that are asked before or after the trials."""
        return tuple(each for each in self.questionnaire if each.when == when)

    @model_validator(mode="after")
    def _excluded_can_be_recognised(self) -> Self:
        require_different("excluded_studies", self.excluded_studies, "name each study once")
        if self.excluded_studies and self.recruitment is None:
            msg = (
                "excluded_studies is set, but recruitment is not, so that no participant can be recognised; "
                "valid: recruitment=PROLIFIC, or another site"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _extra_booklets_can_be_rated(self) -> Self:
        if self.bonus is not None and self.bonus.per_extra_booklet and self.booklets_per_rater == 1:
            msg = (
                "bonus.per_extra_booklet is set, but booklets_per_rater is 1, so that nobody can rate an "
                "extra booklet; valid: booklets_per_rater=2 or more, or leave the bonus out"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _questions_differ(self) -> Self:
        names = (each.name for each in self.questionnaire)
        require_different("questionnaire", names, "give each question its own name")
        return self

    @model_validator(mode="after")
    def _quotas_are_asked(self) -> Self:
        require_quotas(self.quotas, self.questionnaire)
        return self

    @model_validator(mode="after")
    def _dimensions_agree(self) -> Self:
        names = (dimension.name for dimension in self.dimensions)
        require_different("dimensions", names, "give each its own name")
        if len({dimension.scale.n_texts for dimension in self.dimensions}) > 1:
            shown = ", ".join(f"{each.name} {each.scale.n_texts}" for each in self.dimensions)
            msg = (
                f"dimensions differ in the number of texts that a trial shows ({shown}); give all of them "
                "scales of one number of texts"
            )
            raise ValueError(msg)
        if len({dimension.scale.has_odd_text for dimension in self.dimensions}) > 1:
            msg = (
                "dimensions mix OddOneOut(…), whose texts are of two arms, with scales whose texts are "
                "each of another arm; valid: all or none of them OddOneOut(…)"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _practice_can_be_rated(self) -> Self:
        for index, practice in enumerate(self.practice):
            require_asked(f"practice[{index}]", practice, practice.accepted, self)
        markable = sum(bool(practice.accepted) for practice in self.practice)
        if self.practice_pass is not None and self.practice_pass > markable:
            msg = (
                f"practice_pass is {self.practice_pass}, but {markable} practice trials have correct answers "
                "(`accepted`); valid: at most that number"
            )
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _choices_can_auto_advance(self) -> Self:
        only = self.dimensions[0]
        asks_more = only.comment or only.confidence
        if self.auto_advance and (len(self.dimensions) > 1 or not only.scale.choices or asks_more):
            msg = "auto_advance needs a single dimension of choices, without a comment and without confidence"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _endings_name_parameters(self) -> Self:
        declared = self.recruitment.parameters if self.recruitment else ()
        for name, ending in self.endings.by_name():
            for parameter in sorted(ending.placeholders.difference(declared)):
                valid = (
                    ", ".join(f"{{{each}}}" for each in declared) or "none, because recruitment is not set"
                )
                msg = (
                    f"endings.{name}.url contains {{{parameter}}}, which is not a parameter of the link; "
                    f"valid: the parameters that recruitment declares ({valid})"
                )
                raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _translated_questions_fit(self) -> Self:
        for language, translation in self.translations.items():
            if translation.questionnaire is not None:
                _require_same_questions(language, translation.questionnaire, self.questionnaire)
        return self

    @model_validator(mode="after")
    def _translations_fit(self) -> Self:
        for language, translation in self.translations.items():
            if language == self.language:
                msg = f"translations has {language!r}, which is the language of the study"
                raise ValueError(msg)
            for name, own in (("screening", self.screening), ("practice", self.practice)):
                given = getattr(translation, name)
                if given is not None and len(given) != len(own):
                    msg = f"translations[{language!r}].{name} has {len(given)}, but the study has {len(own)}"
                    raise ValueError(msg)
            for name, words in translation.dimensions.items():
                place = f"translations[{language!r}].dimensions"
                _require_same_points(f"{place}[{name!r}]", _require_dimension(place, name, self), words)
            shown = [field.name for field in self.shown_fields]
            for name in translation.shown_fields:
                if name not in shown:
                    place = f"translations[{language!r}].shown_fields"
                    msg = f"{place}: {name!r} is not among the shown fields.{nearest(name, shown)}"
                    raise ValueError(msg)
            self.in_language(language)  # validates the labels against the scales
        return self

    @model_validator(mode="after")
    def _translated_endings_have_texts(self) -> Self:
        for language, translation in self.translations.items():
            for outcome in translation.endings:
                if self.endings.of(outcome).text is None:
                    msg = (
                        f"translations[{language!r}].endings has {outcome.value!r}, but "
                        f"endings.{outcome.value} has no text of its own to translate"
                    )
                    raise ValueError(msg)
        return self

    def in_language(self, language: str) -> "Protocol":
        """Return the protocol in a language; texts without a translation stay as they are."""
        found = next((text for code, text in self.translations.items() if code == language), None)
        if found is None:
            return self
        texts = {name: text for name, text in found if isinstance(text, str | tuple | BlindingQuestion)}
        dimensions = tuple(
            dimension.model_copy(update=_translated(dimension, found)) for dimension in self.dimensions
        )
        shown = tuple(
            field.model_copy(update={"label": found.shown_fields.get(field.name, field.label)})
            for field in self.shown_fields
        )
        update = {
            **texts,
            "dimensions": dimensions,
            "shown_fields": shown,
            "language": language,
            "endings": self.endings.in_words(found.endings),
        }
        return self.model_copy(update=update)


def _require_same_questions(
    language: str, translated: Sequence[QuestionnaireQuestion], own: Sequence[QuestionnaireQuestion]
) -> None:
    """Refuse translated questions that are not those of the study, with as many options.

    Raises:
        ValueError: If they differ; pydantic adds the place.
    """
    keys = ("name", "kind", "minimum", "maximum", "when")
    given, expected = (
        [(*(getattr(each, key) for key in keys), len(each.options)) for each in questions]
        for questions in (translated, own)
    )
    if given != expected:
        place = next(
            (index for index, pair in enumerate(zip(given, expected, strict=False)) if pair[0] != pair[1]),
            min(len(given), len(expected)),
        )
        msg = (
            f"translations[{language!r}].questionnaire[{place}] differs from the study's question in more "
            f"than its words; valid: the same {', '.join(keys)} and as many options, in the same order"
        )
        raise ValueError(msg)


def _require_same_points(place: str, dimension: Dimension, words: DimensionTranslation) -> None:
    require_as_many_options(place, dimension.scale, words.options)
    n_labels = len(words.confidence_labels or ())
    if n_labels and dimension.confidence and n_labels != dimension.n_confidence:
        msg = f"{place}.confidence_labels has {n_labels}, but the study has {dimension.n_confidence}"
        raise ValueError(msg)


def _translated(dimension: Dimension, translation: Translation) -> dict[str, object]:
    given = translation.dimensions.get(dimension.name)
    if given is None:
        return {}
    texts = {name: text for name, text in given if text is not None}
    scale = {name: text for name, text in texts.items() if name in type(dimension.scale).model_fields}
    own = {
        name: text
        for name, text in texts.items()
        if name in OWN_TEXTS and getattr(dimension, "confidence" if name == "confidence_labels" else name)
    }
    return {
        **own,
        "scale": type(dimension.scale).model_validate(dimension.scale.model_dump() | scale),
    }


def require_asked(
    place: str,
    shown: Practice | AttentionCheck,
    accepted: Mapping[str, tuple[float, float]],
    protocol: Protocol,
) -> None:
    """Refuse a text that a trial of this protocol cannot show, or answers that are not on its scales.

    Raises:
        ValueError: If the text or an answer does not fit; pydantic adds the place.
    """
    if len(shown.texts) != protocol.n_texts:
        msg = (
            f"{place} has {1 + len(shown.other_texts)} text{'s' * bool(shown.other_texts)}, but the study's "
            f"trials show {protocol.n_texts}; valid: {protocol.n_texts - 1} in other_texts"
        )
        raise ValueError(msg)
    require_answers(place, accepted, protocol)


def require_answers(place: str, accepted: Mapping[str, tuple[float, float]], protocol: Protocol) -> None:
    """Refuse answers that are not on the scales of a protocol.

    Raises:
        ValueError: If an answer does not fit; pydantic adds the place.
    """
    for name, ends in accepted.items():
        dimension = _require_dimension(f"{place}.accepted", name, protocol)
        scale = dimension.scale
        for end in ends:
            # an end of a range of points may lie between them, but an order of texts is a code
            is_valid = scale.is_valid(end) if scale.ranks else scale.lowest <= end <= scale.highest
            if not is_valid:
                valid = scale.describe_values() if scale.ranks else f"{scale.lowest:g} to {scale.highest:g}"
                msg = f"{place}.accepted[{name!r}] has {end:g}; valid: {valid}"
                raise ValueError(msg)
        if not scale.is_ordered and ends[0] != ends[1]:
            msg = (
                f"{place}.accepted[{name!r}] is {ends[0]:g} to {ends[1]:g}, but these answers have no order; "
                f"one of the {scale.describe_values()}, as in ({ends[0]:g}, {ends[0]:g})"
            )
            raise ValueError(msg)


def _require_dimension(place: str, name: str, protocol: Protocol) -> Dimension:
    by_name = {dimension.name: dimension for dimension in protocol.dimensions}
    if name not in by_name:
        msg = f"{place}: unknown dimension {name!r}.{nearest(name, list(by_name))}"
        raise ValueError(msg)
    return by_name[name]
