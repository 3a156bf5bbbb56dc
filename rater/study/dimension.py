"""A property that raters judge: a question and its scale."""

from typing import Self

from rater.study.declaration import Declaration, Label, Name, Question
from rater.study.fields import Fields, fill, templates_in
from rater.study.scales import Scale

MAX_ANSWER_COMMENT = 2_000
"""Characters of a comment on a text; longer ones are cut."""


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
    comment: Label | None = None
    """Label of a comment field; None for no comment field. (rater)"""

    @property
    def templates(self) -> list[tuple[str, str]]:
        """The question and the labels, each with its field of the study file."""
        labels = [
            found for name, value in self.scale if name != "kind" for found in templates_in(value, name)
        ]
        own = [("question", self.question), ("comment", self.comment or "")]
        return [*own, *((f"scale.{place}", label) for place, label in labels)]

    def filled(self, fields: Fields) -> Self:
        """Return the dimension as it is asked of a text with these fields."""
        if not any("{" in template or "}" in template for _, template in self.templates):
            return self
        comment = None if self.comment is None else fill(self.comment, fields)
        update = {"question": fill(self.question, fields), "comment": comment}
        return self.model_copy(update={**update, "scale": self.scale.filled(fields)})

    def shown_to(self, rater: str) -> Self:
        """Return the dimension as a rater sees it, whose answers may be in an order of their own."""
        scale = self.scale.shown_to(rater)
        return self if scale is self.scale else self.model_copy(update={"scale": scale})
