"""Check the templates of a study against the fields of its items, and fill in those that never change.

Questions and labels are filled in for each text. Instructions are shown once, so that they can name only
fields that all items share. Practice and attention checks bring values of their own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from rater.study.declaration import require_different
from rater.study.dimension import Dimension
from rater.study.fields import PROMPT, Fields, Item, fill, names_in, require_names, templates_in
from rater.study.practice_and_checks import AttentionCheck, DeclaredCheck, Practice
from rater.study.protocol import Protocol


def require_templates(protocol: Protocol, items: Sequence[Item], checks: Sequence[DeclaredCheck]) -> None:
    """Refuse templates that name a field which their texts do not have.

    Args:
        protocol: The study, or its protocol before fields are filled in.
        items: Its items.
        checks: Its attention checks.

    Raises:
        ValueError: If a field does not exist, or is not given; with the place, the field and the valid ones.
    """
    _require_shown(protocol, items)
    _require_questions(protocol, items)
    needed = _needed(protocol)
    for place, authored in authored_trials(protocol, checks):
        _require_own(place, authored, items, needed)
    if items[0].fields:
        for place, instructions in _instructions(protocol):
            _require_constant(place, instructions, items)


def fixed_texts(protocol: Protocol, items: Sequence[Item]) -> dict[str, Any]:
    """Return the fields of a protocol that have templates which are the same for every text, filled in."""
    constants = constant_fields(items)

    def fix(texts: Any) -> dict[str, Any]:
        fixed: dict[str, Any] = {}
        if texts.practice is not None:
            fixed["practice"] = tuple(each.filled for each in texts.practice)
        if texts.instructions is not None and items and items[0].fields:
            fixed["instructions"] = fill(texts.instructions, constants)
        return fixed

    translations = {
        language: translation.model_copy(update=fix(translation))
        for language, translation in protocol.translations.items()
    }
    return {**fix(protocol), "translations": translations}


def constant_fields(items: Sequence[Item]) -> dict[str, str]:
    """Return the fields that have one value in all items."""
    if not items:
        return {}
    return {
        name: value
        for name, value in items[0].fields.items()
        if all(item.fields[name] == value for item in items)
    }


def distinct_fields(items: Sequence[Item]) -> list[Fields]:
    """Return the fields of the items, with their prompts, each different combination once."""
    named = {(item.prompt, *item.fields.items()): {PROMPT: item.prompt, **item.fields} for item in items}
    return list(named.values())


def _require_shown(protocol: Protocol, items: Sequence[Item]) -> None:
    names = [field.name for field in protocol.shown_fields]
    require_different("shown_fields", names, "show each once")
    for index, name in enumerate(names):
        if name not in items[0].fields:
            there = ", ".join(items[0].fields) or "none, because the study has no items with fields"
            msg = f"shown_fields[{index}].name is {name!r}; the fields of the items are: {there}"
            raise ValueError(msg)
        if protocol.shown_fields[index].is_text and (protocol.has_blocks or items[0].turns):
            msg = (
                f"shown_fields[{index}].is_text is True, but there is no text to compare with in a study "
                "of Markdown, reasoning or conversations; leave it out"
            )
            raise ValueError(msg)


def _require_questions(protocol: Protocol, items: Sequence[Item]) -> None:
    """Check questions and labels, also translated ones, which must name the same fields."""
    valid = (PROMPT, *items[0].fields)
    own: dict[tuple[str, str], frozenset[str]] = {}
    for index, dimension in enumerate(protocol.dimensions):
        for place, template in dimension.templates:
            where = f"dimensions[{index}].{place}"
            own[dimension.name, place] = require_names(where, template, valid)
        _require_labels_fit(f"dimensions[{index}].scale", dimension, items)
    for language in protocol.translations:
        for dimension in protocol.in_language(language).dimensions:
            of_dimension = f"translations[{language!r}].dimensions[{dimension.name!r}]"
            for place, template in dimension.templates:
                where = f"{of_dimension}.{place.removeprefix('scale.')}"
                original = own.get((dimension.name, place), frozenset())
                require_kept(where, original, require_names(where, template, valid))
            _require_labels_fit(of_dimension, dimension, items)


def require_kept(place: str, before: frozenset[str], after: frozenset[str]) -> None:
    """Refuse other wording that does not name the fields that the original names.

    Raises:
        ValueError: If the fields differ.
    """
    if before != after:
        original, other = (
            ", ".join(f"{{{name}}}" for name in sorted(names)) or "none" for names in (before, after)
        )
        msg = f"{place} names other fields ({other}) than the original ({original}); keep to the same fields"
        raise ValueError(msg)


def _require_labels_fit(place: str, dimension: Dimension, items: Sequence[Item]) -> None:
    """Refuse labels that are not valid once fields are filled in, because a value is too long for example."""
    scale = dimension.scale
    for item, fields in zip(items, ({PROMPT: each.prompt, **each.fields} for each in items), strict=True):
        filled = scale.filled(fields)
        if filled == scale:
            return
        try:
            type(scale).model_validate(filled.model_dump())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            msg = f"{place}.{where} with the fields of the prompt {item.prompt!r}: {first['msg']}"
            raise ValueError(msg) from error


def _needed(protocol: Protocol) -> frozenset[str]:
    """Return the fields that a trial of the study cannot be shown without, except the prompt."""
    named = (names_in(template) for dimension in protocol.dimensions for _, template in dimension.templates)
    shown = (field.name for field in protocol.shown_fields)
    return frozenset(shown).union(*named) - {PROMPT}


def authored_trials(
    protocol: Protocol, checks: Sequence[DeclaredCheck]
) -> list[tuple[str, Practice | AttentionCheck]]:
    """List practice trials, those of translations, and attention checks, with their place in the study."""
    found: list[tuple[str, Practice | AttentionCheck]] = [
        (f"practice[{index}]", each) for index, each in enumerate(protocol.practice)
    ]
    for language, translation in protocol.translations.items():
        place = f"translations[{language!r}].practice"
        found += [(f"{place}[{index}]", each) for index, each in enumerate(translation.practice or ())]
    return found + [
        (f"plan.checks[{index}]", each)
        for index, each in enumerate(checks)
        if isinstance(each, AttentionCheck)
    ]


def _require_own(
    place: str, authored: Practice | AttentionCheck, items: Sequence[Item], needed: frozenset[str]
) -> None:
    """Check the fields that a practice trial or an attention check brings, and its templates over them."""
    for name in authored.fields:
        if name not in items[0].fields:
            there = ", ".join(items[0].fields) or "none"
            msg = f"{place}.fields has {name!r}; the fields of the items are: {there}"
            raise ValueError(msg)
    missing = sorted(needed.difference(authored.fields))
    if missing:
        msg = (
            f"{place}.fields has no {missing[0]!r}, which raters see with each text or in a question; "
            f"add it, as in fields={{{missing[0]!r}: '…'}}"
        )
        raise ValueError(msg)
    for name, texts in authored.templates.items():
        for where, template in templates_in(texts, f"{place}.{name}"):
            require_names(where, template, authored.fields)


def _instructions(protocol: Protocol) -> list[tuple[str, str]]:
    translated: Mapping[str, str | None] = {
        f"translations[{language!r}].instructions": translation.instructions
        for language, translation in protocol.translations.items()
    }
    texts = {"instructions": protocol.instructions, **translated}
    return [(place, text) for place, text in texts.items() if text is not None]


def _require_constant(place: str, instructions: str, items: Sequence[Item]) -> None:
    for name in sorted(require_names(place, instructions, items[0].fields)):
        values = list(dict.fromkeys(item.fields[name] for item in items))
        if len(values) > 1:
            msg = (
                f"{place} names the field {{{name}}}, which is {values[0]!r} in one item and {values[1]!r} "
                "in another; instructions are shown once: only fields with one value in all items are valid"
            )
            raise ValueError(msg)
