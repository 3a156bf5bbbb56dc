"""Concepts: a study repeats its arms over many concepts, each with its own words and vectors.

An arm is then a method that takes the concept: a steered arm adds the vector of the concept, a prompted arm
names it. For each concept the methods become arms with vectors and prompts of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import TypeAdapter, ValidationError

from rater.study.additions import Addition
from rater.study.arms import (
    Arm,
    ConceptSteered,
    ExternalCompletions,
    ModelArm,
    Prompted,
    Steered,
    random_control,
    scaled,
)
from rater.study.declaration import Declaration, InOrder, Label, require_different
from rater.study.fields import Item, fill, require_names

CONCEPT = "concept"
"""The field of the items that names their concept, and the column of the ratings."""
# a direction of its own for each concept: with one for all, a control would have no variation over concepts
_SEEDS_PER_CONCEPT = 1_000

ConcreteArm: TypeAlias = ModelArm | ExternalCompletions
"""An arm for one concept, which can be generated."""


class Concept(Declaration):
    """A concept of a study that repeats its arms over many, with its words and its vector."""

    words: Label
    """The concept in words: the value of the field `concept` of its items, which questions and prompts name.
    (rater)"""
    additions: Annotated[tuple[Addition, ...], InOrder] = ()
    """The activation additions that steer towards it, with strengths that each arm scales. (sealed)"""


def cross(prompts: Sequence[str], concepts: Sequence[Concept]) -> tuple[Item, ...]:
    """Return an item for each prompt and concept."""
    return tuple(
        Item.model_validate({"prompt": prompt, CONCEPT: concept.words})
        for prompt in prompts
        for concept in concepts
    )


def crossed_items(given: Mapping[str, Any]) -> tuple[Item, ...]:
    """Return an item for each prompt and concept of a valid study file that has no items of its own."""
    if given.get("items") or not given.get("concepts") or not given.get("prompts"):
        return ()
    try:
        concepts = TypeAdapter(tuple[Concept, ...]).validate_python(given["concepts"])
        is_valid = len({concept.words for concept in concepts}) == len(concepts)
        return cross(given["prompts"], concepts) if is_valid else ()
    except (TypeError, ValidationError):  # refused in its own place
        return ()


def arm_for(arm: Arm, concepts: Sequence[Concept], number: int) -> ConcreteArm:
    """Return an arm as it is for one concept, with its vectors or its words.

    Args:
        arm: The arm, which may be a method that takes the concept.
        concepts: The concepts of the study.
        number: The index of the concept.

    Raises:
        ValueError: If the concept has no additions for the method, or its words do not fit.
    """
    concept = concepts[number]
    if isinstance(arm, ConceptSteered):
        if not concept.additions:
            msg = f"concepts[{number}].additions is empty, but the arm {arm.name!r} adds them"
            raise ValueError(msg)
        steered = Steered(
            name=arm.name,
            additions=tuple(scaled(each, arm.coeff) for each in concept.additions),
            dose=arm.dose,
        )
        if arm.random_seed is None:
            return steered
        seed = arm.random_seed + _SEEDS_PER_CONCEPT * number
        return random_control(steered, seed=seed, name=arm.name).model_copy(update={"dose": arm.dose})
    if isinstance(arm, Prompted):
        words = {CONCEPT: concept.words}
        system = None if arm.system is None else fill(arm.system, words)
        try:
            filled = {"prefix": fill(arm.prefix, words), "system": system}
            return Prompted.model_validate({**arm.model_dump(), **filled})
        except ValidationError as error:
            msg = f"arm {arm.name!r} with concepts[{number}], {concept.words!r}: {error.errors()[0]['msg']}"
            raise ValueError(msg) from error
    return arm


def require_concepts(concepts: Sequence[Concept], items: Sequence[Item], arms: Sequence[Arm]) -> None:
    """Refuse concepts that do not fit the items, and methods that do not fit the concepts.

    Raises:
        ValueError: If a concept has no item, an item has no concept, or an arm cannot be made for a concept.
    """
    methods = [index for index, arm in enumerate(arms) if isinstance(arm, ConceptSteered)]
    if concepts:
        require_different("concepts", [concept.words for concept in concepts], "give each its own words")
        _require_items(concepts, items)
        _require_methods(concepts, arms)
    elif methods:
        msg = f"arms[{methods[0]}] is a ConceptSteered(…), but the study has no concepts; declare them"
        raise ValueError(msg)


def _require_items(concepts: Sequence[Concept], items: Sequence[Item]) -> None:
    words = [concept.words for concept in concepts]
    for index, item in enumerate(items):
        named = item.fields.get(CONCEPT)
        if named not in words:
            what = f"has no field {CONCEPT!r}" if named is None else f"has the concept {named!r}"
            msg = f"items[{index}] {what}; valid: the words of one of concepts, such as {words[0]!r}"
            raise ValueError(msg)
    used = {item.fields[CONCEPT] for item in items}
    for number, concept in enumerate(concepts):
        if concept.words not in used:
            msg = f"concepts[{number}], {concept.words!r}, has no item; give it one, or remove it"
            raise ValueError(msg)


def _require_methods(concepts: Sequence[Concept], arms: Sequence[Arm]) -> None:
    for index, arm in enumerate(arms):
        if isinstance(arm, Prompted):
            for field in ("prefix", "system"):
                require_names(f"arms[{index}].{field}", getattr(arm, field) or "", (CONCEPT,))
        for number in range(len(concepts)):
            arm_for(arm, concepts, number)
