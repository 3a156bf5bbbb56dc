"""A number is stored as it was typed, or refused: never another one."""

import pytest
from werkzeug.datastructures import MultiDict

from rater.study.protocol import Dimension
from rater.study.scales import Number, Slider
from rater.web.trial_form import Given, read_given

HALVES = Dimension(name="minutes", question="?", scale=Number(minimum=-5, maximum=5000, step=0.5))
WHOLE = Dimension(name="minutes", question="?", scale=Number(minimum=0, maximum=5000), cannot_judge=True)


def given(typed: str, dimension: Dimension = HALVES, **more: str) -> Given:
    return read_given(MultiDict({"answer.minutes": typed, **more}), dimension)


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("1.5", 1.5),
        ("1,5", 1.5),
        (" 1,5 ", 1.5),
        (".5", 0.5),
        (",5", 0.5),
        ("007", 7),
        ("+3", 3),
        ("-3", -3),
        ("\u22123", -3),  # a minus sign
        ("\u20133", -3),  # an en dash, as some keyboards write it
        ("\uff0d\uff13", -3),
        ("\uff11\uff12", 12),  # full-width digits
        ("\uff11\uff0c\uff15", 1.5),
        ("\uff11\uff0e\uff15", 1.5),
        ("\u0661\u066b\u0665", 1.5),  # Arabic digits and decimal separator
        ("\u06f1\u06f2", 12),
        ("\u0967\u0968", 12),  # Devanagari
        ("\u200e12\u200f", 12),  # with invisible marks, as pasted
        ("\u00a012", 12),
    ],
)
def test_a_number_is_read_as_it_was_typed(typed: str, value: float) -> None:
    read = given(typed)

    assert read.problem is None
    assert read.judgement.value == value


@pytest.mark.parametrize(
    "typed",
    [
        "1,500",
        "1.500",
        "1 500",
        "1\u202f500",
        "1'500",
        "1\u2019500",
        "1,500.5",
        "1.234.567",
        "\u0661\u066c\u0665\u0660\u0660",  # with an Arabic separator of thousands
        "1e2",
        "10\u00b2",
        "\u00bd",
        "\u2460",
        "5 min",
        "5%",
        "0x10",
        "1_0",
        "nan",
        "inf",
        "--3",
        "3-",
        "1.5.",
        "1..5",
        "five",
        "\u4e94",
        "1\n2",
        "6000",
        "1.25",
    ],
)
def test_what_may_be_another_number_is_refused_and_shown_again(typed: str) -> None:
    assert given(typed) == Given(typed, problem="wrong")


def test_three_decimals_are_read_where_the_scale_has_them() -> None:
    fine = Dimension(name="minutes", question="?", scale=Number(minimum=0, maximum=10, step=0.125))

    assert given("1.125", fine).judgement.value == 1.125
    assert given("1,125", fine).judgement.value == 1.125


@pytest.mark.parametrize("scale", [Number(), Slider(low="a", high="b")])
def test_a_number_and_cannot_judge_together_are_refused(scale: Number | Slider) -> None:
    dimension = Dimension(name="minutes", question="?", scale=scale, cannot_judge=True)

    assert given("12", dimension, **{"cannot.minutes": "1"}).problem == "wrong"
    assert given("", dimension, **{"cannot.minutes": "1"}) == Given(is_unable=True)
