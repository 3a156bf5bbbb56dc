from rater import Number, Pairwise
from rater.study.scale import NumberRange, RangeScale


def test_an_answer_is_named_as_raters_see_it() -> None:
    assert Pairwise(tie="same").name_value(0) == "same"
    assert Number(step=0.5).name_value(2.5) == "2.5"


def test_a_range_holds_the_numbers_on_its_steps() -> None:
    numbers = NumberRange(-1, 1, 0.5)

    assert [value for value in (-1.5, -1, -0.5, 0.25, 1, 1.5) if numbers.holds(value)] == [-1, -0.5, 1]
    assert not numbers.is_whole
    assert str(numbers) == "-1 to 1 in steps of 0.5"


def test_a_scale_of_a_range_has_all_numbers_between_its_ends() -> None:
    scale = RangeScale(0, 2)

    assert [value for value in (-0.1, 0, 1.234, 2, 2.1) if scale.is_valid(value)] == [0, 1.234, 2]
    assert scale.describe_values() == "numbers from 0 to 2"
