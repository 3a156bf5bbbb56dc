"""A property that raters judge: a question and its scale."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from rater.study.declaration import Declaration, InOrder, Label, Name, Question
from rater.study.fields import Fields, fill_all, templates_in
from rater.study.scales import Scale

MAX_ANSWER_COMMENT = 2_000
"""Characters of a comment on a text; longer ones are cut."""

OUR_CONFIDENCE = ("not sure at all", "not very sure", "fairly sure", "very sure")
"""The points of confidence in our own words, which pages translate."""
OWN_TEXTS = ("question", "comment", "not_applicable", "confidence", "confidence_labels")
"""The fields of a dimension that are texts, or may be, apart from those of its scale."""


class Dimension(Declaration):
    """A property that raters judge of each text: a question and its scale.

    The question and the labels may name fields of the text, as in "How clearly is {concept} present?".
    """

    name: Name
    """The dimension's name in tables. (experimenter)"""
    question: Question
    """The question under each text. (rater)"""
    scale: Scale
    """The answer scale. (rater)"""
    cannot_judge: bool = False
    """Offer "I cannot judge this" as an answer. (rater)"""
    not_applicable: bool | Label = False
    """Offer "Not applicable" as an answer, or one with the given label: the question does not apply to the
    text. It is counted separately from "cannot judge". (rater)"""
    confidence: bool | Question = False
    """Ask under the answer how sure the rater is of it, in our words or in the given ones. Raters may leave
    it out. (rater)"""
    confidence_labels: Annotated[tuple[Label, ...], Field(max_length=7), InOrder] = ()
    """Labels of the points of confidence, from least to most sure; by default four. (rater)"""
    comment: Label | None = None
    """Label of a comment field; None for no comment field. (rater)"""

    @model_validator(mode="after")
    def _confidence_has_points(self) -> Self:
        if self.confidence_labels and self.confidence is False:
            msg = "confidence_labels is given, but confidence is False; set confidence=True, or a question"
            raise ValueError(msg)
        if len(self.confidence_labels) == 1:
            msg = "confidence_labels has 1 label; valid: 2 to 7, from least to most sure"
            raise ValueError(msg)
        return self

    @property
    def n_confidence(self) -> int:
        """The number of points of confidence; 0 where it is not asked."""
        return len(self.confidence_labels or OUR_CONFIDENCE) if self.confidence else 0

    @property
    def templates(self) -> list[tuple[str, str]]:
        """The question and the labels, each with its field of the study file."""
        labels = [
            found for name, value in self.scale if name != "kind" for found in templates_in(value, name)
        ]
        own = [found for name in OWN_TEXTS for found in templates_in(getattr(self, name), name)]
        return [*own, *((f"scale.{place}", label) for place, label in labels)]

    @property
    def names_fields(self) -> bool:
        """True if the question or a label names fields of the text."""
        return any("{" in template or "}" in template for _, template in self.templates)

    def filled(self, fields: Fields) -> Self:
        """Return the dimension as it is asked of a text with these fields."""
        if not self.names_fields:
            return self
        update = {name: fill_all(getattr(self, name), fields) for name in OWN_TEXTS}
        return self.model_copy(update={**update, "scale": self.scale.filled(fields)})

    def shown_to(self, rater: str) -> Self:
        """Return the dimension as a rater sees it, whose answers may be in an order of their own."""
        scale = self.scale.shown_to(rater)
        return self if scale is self.scale else self.model_copy(update={"scale": scale})
