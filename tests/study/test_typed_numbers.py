import pytest

from rater.study.typed_numbers import may_be_thousands, read_number, write_number


@pytest.mark.parametrize(
    ("typed", "value"),
    [("1.5", 1.5), ("1,5", 1.5), (" −3 ", -3.0), ("\u0661\u0665", 15.0), ("\uff11\uff0e\uff15", 1.5)],
)
def test_numbers_of_every_script_are_read(typed: str, value: float) -> None:
    assert read_number(typed) == value


@pytest.mark.parametrize("typed", ["", "five", "1 500", "1e2", "nan", "inf", "5%"])
def test_other_texts_are_not_numbers(typed: str) -> None:
    assert read_number(typed) is None


@pytest.mark.parametrize(
    ("typed", "is_ambiguous"), [("1,500", True), ("1.500", True), ("1,5", False), ("0,500", False)]
)
def test_a_comma_before_three_digits_may_separate_thousands(typed: str, *, is_ambiguous: bool) -> None:
    assert may_be_thousands(typed) is is_ambiguous


@pytest.mark.parametrize("value", [0, -2, 1.5, 0.1, 1e-7, 1234567890123, 12345678.25, 1e16])
def test_a_written_number_is_read_as_the_same(value: float) -> None:
    written = write_number(value)

    assert float(written) == value
    assert "e" not in written
