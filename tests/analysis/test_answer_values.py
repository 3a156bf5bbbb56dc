import io
from pathlib import Path

import pandas as pd
import pytest

from rater.analysis import analyze, plan_for, read
from rater.analysis.results import Result
from rater.errors import RaterError
from rater.study.scales import Likert

SMALL = "rater,prompt,arm,answer\nr1,p1,a,3\nr1,p1,b,2\n"


def small(text: str) -> io.StringIO:
    return io.StringIO(text)


CASES = Path(__file__).parent.parent / "data" / "tables"


def estimate(frame: pd.DataFrame, points: int | None = None) -> tuple[float, float]:
    """Net superiority of the steered arm, and its p."""
    (found,) = analyze(frame, plan_for(frame, contrast=("steered", "base"), points=points)).dimensions
    assert isinstance(found.primary, Result)
    return round(found.primary.estimate, 3), round(found.primary.p, 4)


@pytest.mark.parametrize(
    ("name", "options", "n"),
    [
        ("minus-99.csv", {"missing": ["-99"]}, 313),
        ("minus-99.csv", {"missing": [-99.0]}, 313),
        ("99.csv", {"missing": [99]}, 313),
        ("n-slash-a.csv", {}, 313),
    ],
)
def test_codes_for_no_answer_are_left_out(name: str, options: dict[str, list[str | float]], n: int) -> None:
    frame = read(CASES / "codes-for-missing" / name, drop_empty=True, **options)  # type: ignore[arg-type] # missing

    assert len(frame) == n
    (found,) = analyze(frame, plan_for(frame, contrast=("steered", "base"))).dimensions
    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx(0.41, abs=0.005)
    assert isinstance(found.other_score, Result)
    assert found.other_score.estimate == pytest.approx(0.71, abs=0.005)
    assert frame.attrs["reading"].n_without_answer == 7


@pytest.mark.parametrize(
    "code",
    ["", " ", "NA", " na ", "N/A", "n/a", "#N/A", "NaN", "null", "None", ".", "-", "–", "<NA>", "\u00a0NA"],
)
def test_common_spellings_of_no_answer_are_empty(code: str) -> None:
    text = SMALL + f"r2,p1,a,{code}\n"

    with pytest.raises(RaterError, match=r"in line 4 \(1 such in all\); remove rows without an answer"):
        read(small(text))
    notes = read(small(text), drop_empty=True).attrs["reading"]
    assert (notes.n_rows, notes.n_without_answer, notes.missing) == (3, 1, ((code.strip(), 1),))


def test_semicolons_come_with_decimal_commas_in_every_number() -> None:
    frame = read(CASES / "decimal-comma" / "semicolons-decimal-commas.csv")
    assert set(frame["answer"]) == {1.5, 2.5, 3.5, 4.5, 5.5}
    assert estimate(frame) == (0.403, 0.003)

    text = "\ufeffrater;prompt;arm;answer;position;shown_ms\r\nr;p;a;3,5;1,0;1234,5\r\nr;p;b;2;2;NA\r\n"
    frame = read(small(text))
    assert frame[["answer", "position"]].to_numpy().tolist() == [[3.5, 1.0], [2.0, 2.0]]
    assert frame["shown_ms"].iloc[0] == 1234.5


def test_decimal_commas_in_other_columns_are_read_when_asked_and_never_guessed() -> None:
    text = "rater\tprompt\tarm\tanswer\nr\tp\ta\t3,5\n"

    assert read(small(text), decimal=",")["answer"].tolist() == [3.5]
    with pytest.raises(RaterError, match="if the comma is its decimal sign, give --decimal ,"):
        read(small(text))
    with pytest.raises(RaterError, match=r"answer has both '3,5' and '1\.234'"):
        read(small("rater;prompt;arm;answer\nr;p;a;3,5\nr;p;b;1.234\n"))


@pytest.mark.parametrize(
    "answer", ["3-4", "1_000", "0x1", "1,000", "inf", "3 of 5", "५", "10 min", "1.2.3", "--3"]
)
def test_what_only_resembles_a_number_is_none(answer: str) -> None:
    with pytest.raises(RaterError, match="in line 4; it must be a number"):
        read(small(SMALL + f'r2,p1,a,"{answer}"\n'))


def test_answers_can_have_their_labels_behind_them() -> None:
    answers = [
        "1. Strongly disagree",
        "(2) so",
        "3: neither (really)",
        "4 (agree)",
        "5 – very happy",
        "5",
        "5 – Very happy",
    ]
    table = pd.DataFrame({"rater": "r", "prompt": "p", "arm": "a", "answer": answers})

    assert read(table)["answer"].tolist() == [1, 2, 3, 4, 5, 5, 5]
    with pytest.raises(RaterError, match="answer has 5 with two labels, 'very happy' and 'sad'"):
        read(pd.concat([table, table.tail(1).assign(answer="5 – sad")]))


def test_answers_can_be_labels_of_the_scale() -> None:
    table = small('rater,prompt,arm,answer\nr,p,a,Agree\nr,p,b," strongly\u00a0 disagree "\nr,q,a,neither\n')
    labels = ["strongly disagree", "disagree", "neither", "agree", "strongly agree"]

    frame = read(table, labels=labels)

    assert frame["answer"].tolist() == [4, 1, 3]
    assert plan_for(frame, contrast=("a", "b")).dimensions[0].scale == Likert(
        points=5, low="lowest", high="highest"
    )
    with pytest.raises(
        RaterError, match="answer is 'agreed' in line 2; it must be a number, or one of the labels"
    ):
        read(small("rater,prompt,arm,answer\nr,p,a,agreed\n"), labels=labels)
    with pytest.raises(RaterError, match="labels has 'agree' twice"):
        read(small(SMALL), labels=["agree", "Agree "])


def test_a_label_with_two_numbers_is_refused() -> None:
    table = small("rater,prompt,arm,answer\nr1,p1,a,1 - good\nr1,p1,b,4 - Good\n")

    with pytest.raises(RaterError, match=r"the label 'Good' for 1 and for 4"):
        read(table)
