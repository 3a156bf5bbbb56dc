from collections import Counter

import pytest
from pydantic import ValidationError

from rater import Choose, DimensionTranslation, Likert
from rater.study.label_choice import TargetScore, require_as_many_options, shuffled_places

LABELS = ("love", "weddings", "anger", "travel")


def test_a_rater_sees_the_options_in_one_order_and_other_raters_in_others() -> None:
    orders = Counter(shuffled_places(f"rater {number}", 3) for number in range(600))

    assert shuffled_places("rater 1", 3) == shuffled_places("rater 1", 3)
    assert set(orders) == {(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)}
    # 600 orders, 100 expected of each: SD 9
    assert all(65 < n < 135 for n in orders.values())


def test_options_keep_their_numbers_in_every_order_and_none_of_these_stays_last() -> None:
    scale = Choose(options=LABELS, none="none of these")

    shown = scale.shown_to("rater 1")

    assert [choice.label for choice in scale.choices] == [*LABELS, "none of these"]
    assert [choice.label for choice in shown.choices] != [*LABELS, "none of these"]
    assert {(choice.value, choice.label) for choice in shown.choices} == {
        (choice.value, choice.label) for choice in scale.choices
    }
    assert (shown.choices[-1].value, shown.choices[-1].label) == (0, "none of these")
    assert [choice.key for choice in shown.choices] == ["1", "2", "3", "4", "5"]
    assert shown.model_dump() == scale.model_dump()


def test_only_the_numbers_of_options_are_answers() -> None:
    scale = Choose(options=LABELS)

    assert [value for value in (-1, 0, 1, 2.5, 4, 5) if scale.is_valid(value)] == [1, 4]
    assert Choose(options=LABELS, none="other").is_valid(0)
    assert scale.parse("3") == 3
    assert scale.parse("0") is None
    assert scale.name_value(3) == "anger"


def test_an_option_is_named_as_the_correct_answer() -> None:
    assert Choose(options=LABELS, none="other").answer("anger") == (3, 3)
    assert Choose(options=LABELS, none="other").answer("other") == (0, 0)
    with pytest.raises(ValueError, match="'fear' is not an option; valid: 'love', 'weddings'"):
        Choose(options=LABELS).answer("fear")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"options": ("love",)}, "at least 2"),
        ({"options": tuple(f"label {n}" for n in range(13))}, "at most 12"),
        ({"options": "conceptz"}, "'concepts'"),
        ({"options": ("love", "love")}, "options has 'love' twice"),
        (
            {"options": ("love", "{concept}")},
            r"options\[1\] is '\{concept\}'; valid: a label without braces and",
        ),
        ({"options": ("love", "anger|rage")}, "without braces and"),
        ({"options": ("love", "anger"), "none": "anger"}, "none is 'anger', which is an option"),
    ],
)
def test_options_that_cannot_be_chosen_among_are_refused(declared: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Choose.model_validate(declared)


def test_the_score_is_1_for_the_target_and_chance_is_one_of_the_options() -> None:
    scored = Choose(options=LABELS, none="other").scored

    assert scored == TargetScore(LABELS, "other")
    assert (scored.lowest, scored.highest, scored.chance) == (0, 1, 0.25)
    assert [value for value in (-1, 0, 0.5, 1, 2) if scored.is_valid(value)] == [0, 1]


def test_translated_options_are_as_many() -> None:
    translated = DimensionTranslation(options=("Liebe", "Zorn"))

    require_as_many_options("de", Choose(options=("love", "anger")), translated.options)
    require_as_many_options("de", Likert(low="a", high="b"), None)
    with pytest.raises(ValueError, match="options has 2, but the study has 4"):
        require_as_many_options("de", Choose(options=LABELS), translated.options)


def test_a_choice_among_labels_describes_itself() -> None:
    scale = Choose(options=("love", "anger"), none="neither")

    assert scale.describe() == "a choice among “love”, “anger”, or “neither”, in an order of each rater's own"
    assert scale.describe_values() == "options 1 love, 2 anger, 0 neither"
