"""Hold the question to a judge to what raters are asked, and its replies to the scale."""

import pytest

from rater.measure.judge_question import JudgeQuestion
from rater.measure.metric import Shown
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Number, Pairwise, Scale, Slider

LIKERT = Likert(low="not {feeling} at all", high="very {feeling}", labels={3: "in between"})
UNIT = (Shown("I woke up and", " smiled.\n", {"feeling": "happy", "task": "Write"}),)
PAIR = (UNIT[0], Shown("I woke up and", " cried."))


def question(scale: Scale = LIKERT, *, reasons: bool = False, cannot_judge: bool = False) -> JudgeQuestion:
    dimension = Dimension(
        name="feeling", question="How {feeling} is it?", scale=scale, cannot_judge=cannot_judge
    )
    return JudgeQuestion(dimension, reasons=reasons)


def test_a_judge_is_asked_what_raters_are_asked() -> None:
    asked = JudgeQuestion(question().dimension, labels={"task": "The task"}).ask(UNIT)

    assert asked == (
        "A text begins with this prompt:\n<prompt>\nI woke up and\n</prompt>\nIt continues as follows.\n\n"
        "The task: Write\n\n"
        "<text>\nsmiled.\n</text>\n\n"
        "Question: How happy is it?\n\n"
        "Answers:\n1 = not happy at all\n2\n3 = in between\n4\n5 = very happy\n"
        "Reply with your answer alone, and with nothing else."
    )


def test_a_pair_is_shown_as_a_and_b() -> None:
    asked = question(Pairwise(tie="Neither")).ask((PAIR[0], PAIR[0]))

    assert "<text A>\nsmiled.\n</text A>\n\n<text B>\nsmiled.\n</text B>" in asked
    assert "A = A\n= = Neither\nB = B" in asked


def test_numbers_are_named_by_their_range_and_a_way_out_is_offered() -> None:
    asked = question(Slider(low="none", high="all"), cannot_judge=True).ask(UNIT)

    assert "Answers: numbers from 0 to 100 in steps of 1 (a slider" in asked
    assert "X = I cannot judge this" in asked


@pytest.mark.parametrize(
    ("scale", "reply", "value"),
    [
        (LIKERT, "4", 4),
        (LIKERT, " 4.\n", 4),
        (Likert(points=7, first=-3, low="a", high="b"), "−3", -3),
        (Slider(low="none", high="all"), "37", 37),
        (Number(minimum=0, maximum=1, step=0.1), "0.3", 0.3),
        (Pairwise(), "A", -1),
        (Pairwise(), "b", 1),
        (Pairwise(tie="Neither"), "=", 0),
    ],
)
def test_an_answer_of_the_scale_is_its_value(scale: Scale, reply: str, value: float) -> None:
    found = question(scale).read(reply, UNIT)

    assert found.value == pytest.approx(value)
    assert found.reply == reply


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "empty reply"),
        ("  \n", "empty reply"),
        ("0", "not an answer of the scale"),
        ("6", "not an answer of the scale"),
        ("3.5", "not an answer of the scale"),
        ("4/5", "not an answer of the scale"),
        ("four", "not an answer of the scale"),
        ("4 or 5", "not an answer of the scale"),
        ("I rate it 4", "not an answer of the scale"),
        ("4\nbecause it smiles", "not an answer of the scale"),
        ("X", "not an answer of the scale"),
    ],
)
def test_any_other_reply_is_a_failure_and_never_a_score(reply: str, reason: str) -> None:
    found = question().read(reply, UNIT)

    assert (found.value, found.reason, found.reply) == (None, reason, reply)


def test_a_judge_may_be_unable_to_judge_where_raters_may() -> None:
    assert question(cannot_judge=True).read("x", UNIT).reason == "the judge cannot judge the text"


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("It smiles.\nAnswer: 5", (5.0, "")),
        ("It smiles.\n\nanswer: 5.\n", (5.0, "")),
        ("Answer: 2\nNo, wait.\nAnswer: 3", (3.0, "")),
        ("5", (None, "no last line with “Answer:”")),
        ("Answer: 5\nIt smiles.", (None, "no last line with “Answer:”")),
        ("Answer: five", (None, "not an answer of the scale")),
    ],
)
def test_with_reasons_the_last_line_counts(reply: str, found: tuple[float | None, str]) -> None:
    read = question(reasons=True).read(reply, UNIT)

    assert (read.value, read.reason) == found


def test_a_reply_that_was_cut_off_is_a_failure_even_if_it_ends_with_a_number() -> None:
    found = question(reasons=True).read("It smiles.\nAnswer: 1", UNIT, is_cut_off=True)

    assert (found.value, found.reason) == (None, "reply cut off")


def test_the_wording_is_part_of_the_definition() -> None:
    assert question().definition["wording"] == 1
    assert question().definition != question(reasons=True).definition
