from collections.abc import Mapping
from typing import Literal

import pytest
from pydantic import Field

from rater.study.canonical import canonical_json, differing_paths
from rater.study.declaration import Declaration
from rater.study.fields import Item


class Part(Declaration):
    kind: Literal["part"] = "part"
    size: float = 1.0
    names: tuple[str, ...] = ()


class Earlier(Declaration):
    title: str
    parts: tuple[Part, ...] = ()
    by_name: Mapping[str, Part] = Field(default_factory=dict)
    limit: int | None = None


class Later(Earlier):
    added: bool = False


def test_fields_at_their_default_are_left_out_at_any_depth() -> None:
    declared = Earlier(title="a", parts=(Part(), Part(size=2)), by_name={"x": Part(names=("n",))})

    assert canonical_json(declared) == (
        '{"by_name":{"x":{"kind":"part","names":["n"]}},'
        '"parts":[{"kind":"part"},{"kind":"part","size":2.0}],"title":"a"}'
    )


def test_a_value_that_was_set_to_the_default_is_left_out_and_a_required_one_is_not() -> None:
    assert canonical_json(Earlier(title="")) == '{"title":""}'
    assert canonical_json(Earlier(title="", limit=None)) == '{"title":""}'


def test_a_new_optional_field_does_not_change_the_canonical_json() -> None:
    assert canonical_json(Later(title="a")) == canonical_json(Earlier(title="a"))
    assert canonical_json(Later(title="a", added=True)) == '{"added":true,"title":"a"}'


def test_a_declaration_comes_back_from_its_canonical_json() -> None:
    declared = Earlier(title="ü", parts=(Part(size=3),), limit=0)

    assert Earlier.model_validate_json(canonical_json(declared)) == declared


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, ["a.b[1]"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        ({"a": None}, {"a": None, "b": 1}, ["b"]),
    ],
)
def test_differences_are_named_by_their_paths(old: object, new: object, paths: list[str]) -> None:
    assert differing_paths(old, new) == paths


def test_fields_that_the_study_named_are_in_the_canonical_json() -> None:
    items = Item(prompt="a", concept="love")

    assert canonical_json(items) == '{"concept":"love","prompt":"a"}'
