"""All scales that a study can declare, and their union.

`scale` has their base. `number_scales` has scales on which one text gets a number, `text_choices` has choices
among texts, `rankings` has orders of them, and `label_choice` a choice among labels.
"""

from typing import Annotated

from pydantic import Discriminator, Tag

from rater.study.label_choice import Choose, TargetScore
from rater.study.number_scales import Likert, Number, Slider
from rater.study.rankings import BestWorst, Ranking, TextScores
from rater.study.scale import (
    SECONDS_PER_CHOICE,
    SECONDS_PER_NUMBER,
    AnswerScale,
    Choice,
    NumberRange,
    RangeScale,
    StudyScale,
    Widget,
)
from rater.study.text_choices import OddOneOut, OddScore, Pairwise, describe_preferences

__all__ = [
    "CLASS_NAMES",
    "SECONDS_PER_CHOICE",
    "SECONDS_PER_NUMBER",
    "AnswerScale",
    "BestWorst",
    "Choice",
    "Choose",
    "Likert",
    "Number",
    "NumberRange",
    "OddOneOut",
    "OddScore",
    "Pairwise",
    "RangeScale",
    "Ranking",
    "Scale",
    "Slider",
    "StudyScale",
    "TargetScore",
    "TextScores",
    "Widget",
    "describe_preferences",
]

_CLASSES: tuple[type[StudyScale], ...] = (
    Likert,
    Slider,
    Number,
    Choose,
    Pairwise,
    BestWorst,
    Ranking,
    OddOneOut,
)
CLASS_NAMES: dict[str, str] = {each.model_fields["kind"].default: each.__name__ for each in _CLASSES}
"""The class of each kind of scale. Pydantic adds the kind to the place of a value in a study."""


def _which_scale(value: object) -> str | None:
    kind = value.get("kind", "likert") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in CLASS_NAMES else None


Scale = Annotated[
    Annotated[Likert, Tag("likert")]
    | Annotated[Slider, Tag("slider")]
    | Annotated[Number, Tag("number")]
    | Annotated[Choose, Tag("choose")]
    | Annotated[Pairwise, Tag("pairwise")]
    | Annotated[BestWorst, Tag("best_worst")]
    | Annotated[Ranking, Tag("ranking")]
    | Annotated[OddOneOut, Tag("odd_one_out")],
    Discriminator(
        _which_scale,
        custom_error_type="not_a_scale",
        custom_error_message=(
            "a Likert(…), Slider(…), Number(…), Choose(…), Pairwise(…), BestWorst(…), "
            "Ranking(…) or OddOneOut(…)"
        ),
    ),
]
