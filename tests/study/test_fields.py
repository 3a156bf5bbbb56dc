"""Templates are filled in and refused as the pages and the study file need it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rater import Item
from rater.analysis.describe import RATED_COLUMNS
from rater.store.rating.export import columns
from rater.study.fields import (
    fill,
    fill_all,
    is_reserved,
    names_in,
    read_fields,
    require_names,
    require_same_fields,
    write_fields,
)
from rater.unblind.chosen_labels import LABEL_COLUMNS
from rater.unblind.join import (
    ANSWER_COLUMNS,
    ASSIGNED_COLUMNS,
    GUESS_COLUMNS,
    TEXT_COLUMNS,
    other_columns,
)


def test_a_field_is_replaced_by_its_value_and_a_doubled_brace_by_a_brace() -> None:
    template = "How clearly is {concept} present in {{x}}?"

    assert names_in(template) == {"concept"}
    assert fill(template, {"concept": "{love}"}) == "How clearly is {love} present in {x}?"


@given(st.text())
def test_any_text_is_shown_as_it_is_once_its_braces_are_doubled(text: str) -> None:
    escaped = text.replace("{", "{{").replace("}", "}}")

    assert names_in(escaped) == frozenset()
    assert fill(escaped, {}) == text


@pytest.mark.parametrize("template", ["a { b", "a } b", "{a{b}", "}}}", "{"])
def test_a_single_brace_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"^question has a single '[{}]'; write '(\{\{|\}\})'"):
        require_names("question", template, ["a", "b"])


def test_a_missing_field_is_named_with_its_place_and_the_fields_there_are() -> None:
    with pytest.raises(ValueError, match=r"^question names the field \{cncept\}; valid: concept, prompt"):
        require_names("question", "Is {cncept} there?", ["prompt", "concept"])


def test_labels_in_lists_and_dictionaries_are_filled_in() -> None:
    labels = {"low": "no {concept}", "labels": {2: "{concept}"}, "degrees": ("a bit {concept}",), "points": 5}

    assert fill_all(labels, {"concept": "joy"}) == {
        "low": "no joy", "labels": {2: "joy"}, "degrees": ("a bit joy",), "points": 5,
    }  # fmt: skip


@given(st.dictionaries(st.text(), st.text()))
def test_fields_are_read_back_as_they_were_written(fields: dict[str, str]) -> None:
    assert dict(read_fields(write_fields(fields))) == fields


@pytest.mark.parametrize("name", ["Concept", "2nd", "a-b", "x" * 41, "arm", "completion", "answer"])
def test_a_field_needs_a_name_that_is_safe_as_a_column(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Item.model_validate({"prompt": "Tell me", name: "love"})


@pytest.mark.parametrize("value", ["", 3, None, "a\0b"])
def test_the_value_of_a_field_is_a_text(value: object) -> None:
    with pytest.raises(ValidationError, match="concept"):
        Item.model_validate({"prompt": "Tell me", "concept": value})


def test_no_field_can_have_the_name_of_a_column() -> None:
    tables = [ANSWER_COLUMNS, TEXT_COLUMNS, ASSIGNED_COLUMNS, GUESS_COLUMNS, RATED_COLUMNS, LABEL_COLUMNS]
    tables += [(*columns(n_texts), *other_columns(n_texts)) for n_texts in range(1, 7)]

    assert [column for names in tables for column in names if not is_reserved(column)] == []


def test_all_items_have_the_same_fields() -> None:
    items = [Item(prompt="a", concept="love"), Item(prompt="b", task="Go")]

    with pytest.raises(ValueError, match=r"items\[1\] has no field 'concept', but items\[0\] has it"):
        require_same_fields(items)
