import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest
from rich.console import Console

from rater.errors import StateError, TableError
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Slider
from rater.terminal import Keyboard
from rater.terminal.text_ratings import COLUMNS, AnswersFile, TextToRate, rate_texts_in_terminal
from tests.terminal.conftest import NOW

HAPPY = Dimension(
    name="answer", question="How happy?", scale=Likert(low="not at all", high="very"), cannot_judge=True
)
TEXTS = {
    each.item: each
    for each in (
        TextToRate("1", "We went", ' home, "safe"\nand slept.'),
        TextToRate("2", "", "=SUM(A1)"),
        TextToRate("3", "They", " flew."),
    )
}


@pytest.fixture
def file(tmp_path: Path) -> AnswersFile:
    return AnswersFile(tmp_path / "answers.csv", HAPPY, TEXTS)


def rate(file: AnswersFile, *pressed: str, rater: str = "ana", seed: int = 1) -> tuple[bool, str]:
    ticks: Iterator[int] = count()
    out = io.StringIO()
    is_done = rate_texts_in_terminal(
        file,
        rater,
        console=Console(file=out, width=80),
        keyboard=Keyboard(io.StringIO("".join(f"{line}\n" for line in pressed))),
        now=lambda: NOW,
        order=Random(seed),  # noqa: S311 (an order, not a secret)
        clock=lambda: next(ticks) * 1.5,
    )
    return is_done, out.getvalue()


def test_each_answer_is_saved_at_once_and_a_session_continues_where_it_stopped(file: AnswersFile) -> None:
    is_done, shown = rate(file, "4", "q")

    assert not is_done
    assert "1 of 3 answers of ana are saved" in " ".join(shown.split())
    (first,) = file.read()
    assert (first.rater, first.position, first.answer, first.shown_ms) == ("ana", 1, 4.0, 1500)

    is_done, shown = rate(file, "x", "2", seed=2)

    assert is_done
    assert "2 of 3" in shown
    assert "1 of 3" not in shown
    assert [(each.position, each.answer) for each in file.read()] == [(1, 4.0), (2, None), (3, 2.0)]
    assert {each.item: each.text for each in file.read()} == {key: text.text for key, text in TEXTS.items()}


def test_a_rater_who_has_finished_is_not_asked_again(file: AnswersFile) -> None:
    rate(file, "1", "2", "3")
    before = file.path.read_bytes()

    assert rate(file) == (True, "")
    assert file.path.read_bytes() == before


def test_going_back_replaces_an_answer(file: AnswersFile) -> None:
    rate(file, "1", "u", "5", "2", "3")

    assert [(each.position, each.answer) for each in file.read()] == [(1, 5.0), (2, 2.0), (3, 3.0)]


def test_raters_share_a_file_and_see_their_own_order(file: AnswersFile) -> None:
    orders = set()
    for seed in range(12):
        rate(file, "1", "2", "3", rater=f"r{seed}", seed=seed)
        orders.add(tuple(each.item for each in file.read() if each.rater == f"r{seed}"))

    assert len(file.read()) == 36
    assert len(orders) > 2


def test_answers_of_raters_who_write_at_the_same_time_are_all_kept(file: AnswersFile) -> None:
    rate(file, "1", "2", "3")
    example = file.read()[0]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: file.save(replace(example, rater=f"r{n}")), range(40)))

    assert len(file.read()) == 43


def test_the_file_of_answers_has_no_arm_and_no_formula(file: AnswersFile) -> None:
    rate(file, "1", "2", "3")

    header, *_ = file.path.read_text().splitlines()
    assert header.split(",") == list(COLUMNS)
    assert "arm" not in COLUMNS
    assert ",'=SUM(A1)," in file.path.read_text()


def test_numbers_are_typed_on_a_scale_without_points(tmp_path: Path) -> None:
    scale = Slider(minimum=0, maximum=100, low="not at all", high="very")
    file = AnswersFile(tmp_path / "a.csv", HAPPY.model_copy(update={"scale": scale}), TEXTS)

    rate(file, "101", "55", "0", "100")

    assert [each.answer for each in file.read()] == [55.0, 0.0, 100.0]


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda text: text.replace("How happy?", "How sad?"), "the question 'How sad?'"),
        (lambda text: text.replace("5 points", "7 points"), "the scale '7 points"),
        (lambda text: text.replace(" flew.", " swam."), "the text '3', which is not in the file"),
        (lambda text: text.replace(",5,no,", ",6,no,"), "the answer '6'"),
        (lambda text: text.replace(",5,no,", ",nan,no,"), "the answer 'nan'"),
        (lambda text: text.replace("question", "query"), "no column 'question'"),
    ],
)
def test_a_file_of_other_answers_is_refused(file: AnswersFile, change: object, phrase: str) -> None:
    rate(file, "5", "5", "5")
    file.path.write_text(change(file.path.read_text()))  # type: ignore[operator] # a function of a text

    with pytest.raises(TableError, match=r"answers\.csv") as refused:
        rate(file, "1")

    assert phrase in str(refused.value)


def test_a_file_that_cannot_be_written_is_refused_before_rating(file: AnswersFile) -> None:
    file.path.mkdir()

    with pytest.raises(StateError, match="it is a folder"):
        rate(file, "1")
