"""A failed validation names valid values, which are valid indeed."""

import re
from collections.abc import Iterator
from typing import Annotated

import pytest
from pydantic import StringConstraints, TypeAdapter, ValidationError

from rater.study.validation import declared_classes, describe, explain

QUOTED = re.compile(r"'([^']+)'")


def patterns_in(schema: object, path: str) -> Iterator[tuple[str, str]]:
    """Find every pattern in a JSON schema, with where it is."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield path, schema["pattern"]
        for key, value in schema.items():
            yield from patterns_in(
                value, path if key in {"properties", "anyOf", "items"} else f"{path}.{key}"
            )
    elif isinstance(schema, list):
        for value in schema:
            yield from patterns_in(value, path)


def all_patterns() -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for name, declared in declared_classes().items():
        schema = TypeAdapter(declared).json_schema()
        schema.pop("$defs", None)  # declared by themselves
        found |= dict.fromkeys(patterns_in(schema, name))
    return list(found)


PATTERNS = all_patterns()


def test_the_patterns_of_every_kind_of_text_are_found() -> None:
    assert {path.split(".")[0] for path, _ in PATTERNS} >= {
        "Study",
        "Ending",
        "Recruitment",
        "ExternalCompletions",
        "VectorFile",
    }
    assert len({pattern for _, pattern in PATTERNS}) == 6


@pytest.mark.parametrize(("place", "pattern"), PATTERNS)
def test_an_error_names_a_value_that_passes(place: str, pattern: str) -> None:
    text = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    with pytest.raises(ValidationError) as caught:
        text.validate_python("ä b")

    [said] = explain(caught.value)

    example = QUOTED.findall(said.split("valid: ")[1])[-1]
    assert text.validate_python(example) == example, place


def test_an_address_is_explained_as_one() -> None:
    with pytest.raises(ValidationError) as caught:
        declared_classes()["Ending"](url="app.prolific.com/x")

    [said] = explain(caught.value)
    assert said.startswith(
        "url is 'app.prolific.com/x'; valid: an address that begins with https://, without"
    )
    assert describe(caught.value) == f"Ending is not valid.\n  {said}"
