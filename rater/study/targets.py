"""Targets of a choice among labels: the option that is correct for each text, and concepts as options."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from rater.errors import listed, nearest
from rater.study.concepts import CONCEPT
from rater.study.dimension import Dimension
from rater.study.fields import Fields, Item
from rater.study.label_choice import CONCEPTS, Choose
from rater.study.scale import StudyScale


def name_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Replace ``options="concepts"`` in the fields of a study by the words of its concepts.

    The fields are those before validation. An invalid one is left as it is, to be refused in its own place.
    """
    dimensions = given.get("dimensions")
    words = _concept_words(given)
    if not isinstance(dimensions, list | tuple) or not words:
        return dict(given)
    return {**given, "dimensions": tuple(_with_options(each, words) for each in dimensions)}


def _concept_words(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the concepts that a study declares, or those that the fields of its items name."""
    values = [_get(each, "words") for each in given.get("concepts") or ()]
    if not values:
        values = [_get(each, CONCEPT) for each in given.get("items") or ()]
    return tuple(dict.fromkeys(value for value in values if isinstance(value, str)))


def _get(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _with_options(dimension: Any, words: tuple[str, ...]) -> Any:
    scale = _get(dimension, "scale")
    if _get(scale, "kind") != "choose" or _get(scale, "options") != CONCEPTS:
        return dimension
    declared = scale if isinstance(scale, dict) else scale.model_dump()
    try:
        named = Choose.model_validate({**declared, "options": words})
    except ValidationError:
        return dimension
    if isinstance(dimension, Dimension):
        return dimension.model_copy(update={"scale": named})
    return {**dimension, "scale": named}


def find_target(scale: StudyScale, arm: str, fields: Fields, targets: Mapping[str, str]) -> str | None:
    """Return the label that is correct for a text; None if there is none.

    Args:
        scale: The choice among labels.
        arm: The arm of the text.
        fields: The fields of its item.
        targets: The target of each arm in the analysis plan; empty for the concepts of the texts.
    """
    target = targets.get(arm) if targets else fields.get(CONCEPT)
    return target if target in scale.target_labels else None


def require_targets(
    dimensions: Sequence[Dimension], items: Sequence[Item], arms: Sequence[str], targets: Mapping[str, str]
) -> None:
    """Refuse a choice among labels in which a text has no target, and targets that do not exist.

    Raises:
        ValueError: If one is like that; with the place, the value and what is valid.
    """
    choices = {index: each.scale for index, each in enumerate(dimensions) if each.scale.has_target}
    if targets and not choices:
        msg = "analysis.targets is given, but no dimension is a Choose(…), whose options it names"
        raise ValueError(msg)
    for index, scale in choices.items():
        place = f"dimensions[{index}].scale"
        if not scale.target_labels:
            n = len({item.fields[CONCEPT] for item in items if CONCEPT in item.fields})
            msg = (
                f"{place}.options is 'concepts', but the study has {n} that can be options; valid: 2 to 12 "
                f"different concepts without braces, as `concepts` or in the field {CONCEPT!r} of items"
            )
            raise ValueError(msg)
        if targets:
            _require_arms(scale, arms, targets)
        else:
            _require_concepts(place, scale, items)


def _require_arms(scale: StudyScale, arms: Sequence[str], targets: Mapping[str, str]) -> None:
    for arm, option in targets.items():
        if arm not in arms:
            msg = f"analysis.targets: unknown arm {arm!r}.{nearest(arm, arms)}"
            raise ValueError(msg)
        if option not in scale.target_labels:
            known = nearest(option, scale.target_labels)
            msg = f"analysis.targets[{arm!r}]: unknown option {option!r}.{known}"
            raise ValueError(msg)
    missing = [arm for arm in arms if arm not in targets]
    if missing:
        msg = (
            f"analysis.targets has no option for the arm {missing[0]!r}; name one for each arm, and for a "
            "control the option of the arm that it is compared with"
        )
        raise ValueError(msg)


def _require_concepts(place: str, scale: StudyScale, items: Sequence[Item]) -> None:
    for index, item in enumerate(items):
        concept = item.fields.get(CONCEPT)
        if concept not in scale.target_labels:
            what = f"no field {CONCEPT!r}" if concept is None else f"the concept {concept!r}"
            msg = (
                f"{place} needs a correct option for each text, but items[{index}] has {what}; valid: one of "
                f"{listed(scale.target_labels)}, or analysis.targets with an option for each arm"
            )
            raise ValueError(msg)
