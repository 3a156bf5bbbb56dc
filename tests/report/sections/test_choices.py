import pytest

from rater.analysis.choices import label_choices
from rater.analysis.d_prime import DPrime
from rater.analysis.primary import Analysis, analyze
from rater.report.console.analysis import Screen
from rater.report.console.secondary import choice_lines
from rater.report.context import ReportContext
from rater.report.document import Prose, Table, to_markdown
from rater.report.sections.choices import d_prime_ends, identification_table
from tests.analysis.test_choices import PLANNED, WHICH, simulate
from tests.report.conftest import compose_report, section
from tests.report.console.printed import shown


@pytest.fixture(scope="module")
def analysed() -> Analysis:
    return analyze(simulate(), PLANNED)


def test_the_section_shows_identification_confusion_and_biases(analysed: Analysis) -> None:
    document = compose_report(analysed, ReportContext(title="t"))

    tables = [each for each in section(document, "choices").blocks if isinstance(each, Table)]
    assert [table.caption for table in tables] == [
        "Identification by arm; chance is 1/4 = 0.25",
        "Confusion matrix: steered",
        "Confusion matrix: random",
        "Labels chosen over all arms (bias towards labels)",
        "Places chosen, each 1/4 without a bias towards places",
    ]
    assert tables[0].rows[0][:3] == ("steered", "96", f"{analysed.dimensions[0].arms[0].counts[1]}")
    assert [row[0] for row in tables[1].rows] == ["love", "weddings", "anger", "travel"]
    prose = " ".join(each.text for each in section(document, "choices").blocks if isinstance(each, Prose))
    assert "“none” is never the target" in prose
    assert "Hacker & Ratcliff 1979" in prose
    assert "proportion of target choices for texts of “steered”" in document.explanation


def test_an_arm_without_an_interval_is_in_the_table() -> None:
    one_rater = simulate(n_raters=1)
    choices = label_choices(one_rater, WHICH, PLANNED)

    table = identification_table(choices, 0.05)  # type: ignore[arg-type]  # it is estimable

    assert table.rows[0][4:6] == ("–", "–")


def test_an_infinite_end_of_d_prime_is_shown() -> None:
    assert d_prime_ends(DPrime(1.0, 0.5, None)) == "0.50 to ∞"
    assert d_prime_ends(DPrime(None, None, None)) == "–"


def test_the_console_compares_each_arm_with_chance(analysed: Analysis) -> None:
    first, second = choice_lines(analysed.dimensions[0])

    assert first.startswith("Target chosen for texts of “steered”: ")
    assert "p < .001 against chance 0.25, d' " in first
    assert "random" in second


def test_differences_are_proportions_and_not_scale_points(analysed: Analysis) -> None:
    document = to_markdown(compose_report(analysed, ReportContext(title="t")))
    printed = shown(analysed, Screen("t"))

    assert "scale points" not in document + printed
    assert "| proportion of target choices |" in document
    assert "proportion of target" in printed
