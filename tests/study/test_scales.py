import pytest
from pydantic import TypeAdapter

from rater import Likert, Number, Pairwise, Slider
from rater.study.scales import Scale


@pytest.mark.parametrize(
    ("scale", "held", "not_held"),
    [
        (Likert(low="a", high="b"), (1, 5), (0, 6, 2.5)),
        (Slider(low="a", high="b", minimum=-1, maximum=1, step=0.1), (-1, 0.3, 1), (-1.1, 0.25)),
        (Number(minimum=0, maximum=12), (0, 12), (0.5, 13, -1)),
        (Pairwise(tie="same"), (-1, 0, 1), (2, 0.5)),
    ],
)
def test_a_scale_holds_its_own_answers_only(
    scale: Scale, held: tuple[float, ...], not_held: tuple[float, ...]
) -> None:
    assert all(scale.is_valid(value) for value in held)
    assert not any(scale.is_valid(value) for value in not_held)
    assert (scale.lowest, scale.highest) == (held[0], held[-1])


@pytest.mark.parametrize(
    "scale", [Likert(low="a", high="b"), Slider(low="a", high="b"), Number(), Pairwise()]
)
def test_a_scale_comes_back_from_its_json(scale: Scale) -> None:
    adapter: TypeAdapter[Scale] = TypeAdapter(Scale)

    assert adapter.validate_json(scale.model_dump_json()) == scale


@pytest.mark.parametrize(
    ("scale", "text", "value"),
    [
        (Likert(low="a", high="b"), "5", 5),
        (Likert(low="a", high="b"), "6", None),
        (Pairwise(), "-1", -1),
        (Pairwise(), "0", None),
        (Slider(low="a", high="b", step=0.5), "2,5", 2.5),
        (Slider(low="a", high="b"), "2.5", None),
        (Number(maximum=5000), "1,500", None),
        (Number(maximum=5000), "1500", 1500),
        (Number(), "many", None),
    ],
)
def test_a_scale_reads_the_answers_that_are_on_it(scale: Scale, text: str, value: float | None) -> None:
    assert scale.parse(text) == value


@pytest.mark.parametrize(
    ("scale", "in_words", "values"),
    [
        (Likert(low="not", high="very"), "5 points from “not” to “very”", "points 1 to 5"),
        (
            Likert(points=7, first=-3, low="sad", high="happy", numbers=False),
            "7 points from “sad” to “happy”, numbered −3 to 3, without numbers",
            "points −3 to 3",
        ),
        (
            Slider(low="not", high="very"),
            "a slider, 0 to 100 in steps of 1, from “not” to “very”",
            "numbers from 0 to 100 in steps of 1",
        ),
        (Number(unit="min"), "a number, 0 to 100 in steps of 1 min", "numbers from 0 to 100 in steps of 1"),
        (
            Pairwise(tie="same"),
            "a choice of “A”, “same”, “B”",
            "whole numbers from −1 to 1, above 0 for the first arm, or 0 for neither",
        ),
    ],
)
def test_a_scale_describes_itself(scale: Scale, in_words: str, values: str) -> None:
    assert scale.describe() == in_words
    assert scale.describe_values() == values


def test_only_an_ordinal_scale_has_levels() -> None:
    assert [level.numbered_label for level in Likert(points=2, low="no", high="yes").levels] == [
        "1 no",
        "2 yes",
    ]
    assert not Slider(low="a", high="b").levels
    assert not Pairwise().levels


@pytest.mark.parametrize(
    ("scale", "keys"),
    [
        (Pairwise(), "ab"),
        (Pairwise(tie="same"), "a=b"),
        (Pairwise(degrees=("slightly", "clearly")), "1234"),
        (Likert(points=3, low="a", high="b"), "123"),
        (Likert(points=3, first=0, low="a", high="b"), "012"),
        (Likert(points=3, first=-1, low="a", high="b"), "123"),  # a minus sign is not a key
    ],
)
def test_each_choice_has_a_key_in_a_terminal(scale: Scale, keys: str) -> None:
    assert [choice.key for choice in scale.choices] == list(keys)
