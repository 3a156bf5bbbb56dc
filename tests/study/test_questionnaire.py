import pytest
from pydantic import ValidationError

from rater.study.protocol import Protocol
from rater.study.questionnaire import Question, name_given, read_given, write_given
from rater.study.translation import Translation

AGE = Question(name="age", question="How old are you?", kind="number", minimum=18, maximum=99)
FIELD = Question(name="field", question="What do you study?", options=("Physics", "Other"))


@pytest.mark.parametrize(
    ("fields", "valid"),
    [
        ({}, "needs at least 2"),
        ({"options": ("a",)}, "needs at least 2"),
        ({"options": ("a", "a")}, "twice"),
        ({"kind": "number", "options": ("a", "b")}, "kind='choice'"),
        ({"kind": "text", "maximum": 3}, "kind='number'"),
        ({"options": ("a", "b"), "unit": "kg"}, "kind='number'"),
        ({"kind": "number", "minimum": 3, "maximum": 3}, "must be more than minimum"),
    ],
)
def test_fields_that_do_not_fit_the_kind_are_refused(fields: dict[str, object], valid: str) -> None:
    with pytest.raises(ValidationError, match=valid):
        Question.model_validate({"name": "q", "question": "Well?", **fields})


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("34", 34.0), (" 34,5 ", 34.5), ("17", None), ("100", None), ("old", None), ("", None)],
)
def test_a_number_must_be_within_its_ends(typed: str, expected: float | None) -> None:
    assert AGE.parse_typed(typed) == expected


def test_a_text_is_neither_empty_nor_long() -> None:
    text = Question(name="job", question="What is your job?", kind="text")

    assert text.parse_typed("  a \n poet ") == "a poet"
    assert text.parse_typed("   ") is None
    assert text.parse_typed("x" * 201) is None


@pytest.mark.parametrize("given", [None, "Physics", 34.5, ("a", "b"), ("a",)])
def test_a_stored_answer_is_read_as_it_was_given(given: str | float | tuple[str, ...] | None) -> None:
    assert read_given(write_given(given)) == given


def test_answers_have_names_for_tables() -> None:
    assert [name_given(each) for each in (None, "a; b", ("a", "b"), 34.0)] == ["", "a; b", "a; b", "34"]


def test_questions_have_different_names_and_are_asked_at_their_time(protocol: Protocol) -> None:
    after = AGE.model_copy(update={"name": "later", "when": "after"})
    asking = Protocol.model_validate({**protocol.model_dump(), "questionnaire": (AGE, FIELD, after)})

    assert [each.name for each in asking.questions("before")] == ["age", "field"]
    assert [each.name for each in asking.questions("after")] == ["later"]
    with pytest.raises(ValidationError, match="'age' twice"):
        Protocol.model_validate({**protocol.model_dump(), "questionnaire": (AGE, AGE)})


def test_a_translation_has_the_same_questions_in_other_words(protocol: Protocol) -> None:
    german = FIELD.model_copy(update={"question": "Ihr Studienfach?", "options": ("Physik", "Anderes")})
    declared = {**protocol.model_dump(), "questionnaire": (FIELD,)}
    translated = Translation(questionnaire=(german,))

    shown = Protocol.model_validate({**declared, "translations": {"de": translated}}).in_language("de")

    assert shown.questionnaire == (german,)
    other = german.model_copy(update={"options": ("Physik", "Chemie", "Anderes")})
    with pytest.raises(ValidationError, match="as many options"):
        Protocol.model_validate({**declared, "translations": {"de": Translation(questionnaire=(other,))}})
