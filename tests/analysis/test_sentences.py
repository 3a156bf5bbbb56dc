import pytest

from rater.analysis.sentences import counted, number, p_value


@pytest.mark.parametrize(
    ("p", "written"),
    [
        (0.00044, "p < .001"),
        (0.001, "p = .001"),
        (0.0479, "p = .048"),
        (0.5, "p = .500"),
        (0.9999, "p > .999"),
        (1.0, "p > .999"),
    ],
)
def test_p_values_are_written_after_the_apa(p: float, written: str) -> None:
    assert p_value(p) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.344, "0.34"), (-0.344, "−0.34"), (-0.001, "0.00"), (85663.5, "85,663.50")]
)
def test_numbers_have_a_real_minus_and_no_minus_zero(value: float, written: str) -> None:
    assert number(value) == written


def test_counts_agree_with_their_noun() -> None:
    assert [counted(1, "rater"), counted(1200, "answer")] == ["1 rater", "1,200 answers"]
