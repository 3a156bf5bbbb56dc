import io
import os
import pty
import re
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from rater.store.rating.frame import AnswerRow
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert
from rater.terminal import Keyboard, rate_in_terminal
from rater.terminal.console import key_help, show_texts
from tests.terminal.conftest import NOW, Publish, Rate


def test_on_a_terminal_the_prompt_is_bold_the_completion_is_not_and_addresses_are_spelt_out(
    publish_study: Publish, rating_url: str, tmp_path: Path
) -> None:
    publish_study(texts=(("I woke up", " and smiled."),))
    out = io.StringIO()

    rate_in_terminal(
        rating_url,
        "a_study",
        console=Console(
            file=out, width=80, force_terminal=True, color_system="standard", legacy_windows=False
        ),
        keyboard=Keyboard(io.StringIO("y\n\n")),
        state_folder=tmp_path,
        now=lambda: NOW,
    )

    assert "\x1b[1mI woke up\x1b[0m and smiled." in out.getvalue()
    assert "https://example.org/who" in out.getvalue()
    assert "\x1b]8;" not in out.getvalue()  # a link made of an escape sequence


def test_the_texts_of_a_trial_come_one_after_the_other_under_their_letters() -> None:
    out = io.StringIO()
    show_texts(Console(file=out, width=60), "We", (" ran.", " sat.", " slept."))

    assert out.getvalue().split() == ["A", "We", "ran.", "B", "We", "sat.", "C", "We", "slept."]


HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b31m\x08\x7f\r\u202e\u2028[red]bold[/red] [link=x]:smile:"


DECLARED = "\u202e\u2028[red]bold[/red] [link=x]:smile:"
"""A study file may not declare control characters; a model may write them."""


def test_no_text_can_do_more_to_a_terminal_than_be_read(
    publish_study: Publish, rate: Rate, protocol: Protocol
) -> None:
    scale = Likert(low=f"low {DECLARED}", high=f"high {DECLARED}")
    hostile = Protocol(
        title=f"title {DECLARED}",
        consent=f"consent {DECLARED} [a](http://example.org/) <b>",
        instructions=f"instructions {DECLARED}",
        thanks=f"thanks {DECLARED}",
        dimensions=[Dimension(name="x", question=f"question {DECLARED}", scale=scale)],
    )
    publish_study(shown=hostile, texts=((f"prompt {HOSTILE}", f"text {HOSTILE}"),))

    printed = rate("y", "", "3", "")

    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2028]", printed)
    assert printed.replace("\n", "").count("�[2J�]0;owned��31m���[red]bold[/red] [link=x]:smile:") >= 1
    assert printed.replace("\n", "").count("�[red]bold[/red] [link=x]:smile:") >= 6


def _type_ahead(master: int, tty: int, keys: bytes) -> None:
    os.write(master, keys)
    assert select.select([tty], [], [], 20)[0]  # a pseudo-terminal passes them on in its own time


def _wait_for_a_key_to_be_asked(tty: int) -> None:
    until = time.monotonic() + 20
    while termios.tcgetattr(tty)[3] & termios.ICANON:
        assert time.monotonic() < until, "no key is asked"
        time.sleep(0.005)


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """The two ends of a pseudo-terminal: where keys are written, and standard input, which reads them."""
    master, slave = pty.openpty()
    with os.fdopen(slave, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield master, stream
    os.close(master)


def _press(tty: tuple[int, TextIO], keys: bytes) -> str:
    master, stream = tty
    with ThreadPoolExecutor(1) as pool:
        pressed = pool.submit(Keyboard(stream).key)
        _wait_for_a_key_to_be_asked(stream.fileno())
        os.write(master, keys)
    return pressed.result()


def test_what_was_typed_before_a_question_does_not_answer_it(tty: tuple[int, TextIO]) -> None:
    _type_ahead(tty[0], tty[1].fileno(), b"1\n")

    assert _press(tty, b"3") == "3"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(b"Y", "y"), (b"\r", ""), (b"\n", ""), (b"7", "7"), ("É".encode(), "é")],
    ids=["letter", "enter", "line feed", "digit", "accent"],
)
def test_a_key_is_read_at_once_and_in_lower_case(tty: tuple[int, TextIO], keys: bytes, expected: str) -> None:
    assert _press(tty, keys) == expected


@pytest.mark.parametrize("keys", [b"\x1b[A", b"\x1b[1~", b"\x1bOP"], ids=["up", "home", "F1"])
def test_a_key_with_a_code_of_several_characters_is_one_key(tty: tuple[int, TextIO], keys: bytes) -> None:
    assert _press(tty, keys) == "\x1b"
    assert _press(tty, b"2") == "2"


def test_the_rest_of_a_code_that_comes_in_pieces_answers_nothing(tty: tuple[int, TextIO]) -> None:
    master, stream = tty
    with ThreadPoolExecutor(1) as pool:
        pressed = pool.submit(Keyboard(stream).key)
        _wait_for_a_key_to_be_asked(stream.fileno())
        os.write(master, b"\x1b")
        time.sleep(0.01)
        os.write(master, b"[1~")

    assert pressed.result() == "\x1b"
    assert _press(tty, b"2") == "2"


@pytest.mark.parametrize(("keys", "error"), [(b"\x03", KeyboardInterrupt), (b"\x04", EOFError)])
def test_control_keys_interrupt_and_end(
    tty: tuple[int, TextIO], keys: bytes, error: type[BaseException]
) -> None:
    before = termios.tcgetattr(tty[1].fileno())

    with pytest.raises(error):
        _press(tty, keys)

    assert termios.tcgetattr(tty[1].fileno()) == before


def test_a_number_is_typed_with_enter_on_a_terminal(tty: tuple[int, TextIO]) -> None:
    master, stream = tty
    _type_ahead(master, stream.fileno(), b"7\n")

    with ThreadPoolExecutor(1) as pool:
        typed = pool.submit(Keyboard(stream).line)
        time.sleep(0.3)
        os.write(master, b"11\n")

    assert typed.result() == "11"


def test_the_end_of_piped_input_is_the_end() -> None:
    keyboard = Keyboard(io.StringIO("Y\n"))

    assert keyboard.key() == "y"
    with pytest.raises(EOFError):
        keyboard.key()
    with pytest.raises(EOFError):
        keyboard.line()


def _values(rows: list[AnswerRow]) -> list[tuple[int, float | None]]:
    return [(row.position, row.answer) for row in rows]


@pytest.mark.parametrize("pressed", ["0", "6", "x", "", "33", "-1", "٣", "9" * 5_000])
def test_another_key_is_no_answer(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]], pressed: str
) -> None:
    publish_study()

    printed = rate("y", "", pressed)

    assert "Press 1–5 to answer · u back · q quit." in printed
    assert answers() == []


def test_a_scale_of_more_than_nine_points_is_answered_by_typing_the_number(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Callable[[], list[AnswerRow]]
) -> None:
    wide = Dimension(name="joy", question="How joyful?", scale=Likert(points=11, low="not", high="very"))
    publish_study(shown=protocol.model_copy(update={"dimensions": (wide,)}))

    printed = rate("y", "", "11", "10", "1", "")

    assert _values(answers()) == [(1, 11), (2, 10), (3, 1)]
    assert "1–11 and Enter to answer" in printed


def test_the_keys_of_points_that_begin_at_0_are_a_range() -> None:
    wide = Dimension(name="joy", question="?", scale=Likert(points=11, first=0, low="not", high="very"))

    assert key_help(wide, None).startswith("0–10 and Enter to answer")


def test_a_conversation_is_shown_in_turns_with_markdown_as_plain_text() -> None:
    out = io.StringIO()
    shown = Protocol(
        title="Answers",
        consent="Do you agree?",
        instructions="Choose.",
        dimensions=(Dimension(name="best", question="Which?", scale=Likert(points=5, low="a", high="b")),),
        rated="last_turn",
        rendering="markdown",
        reasoning="folded",
    )
    answers = ("<think>Hm.</think>\n\n**Yes**\n\n- one", "\x1b[2JNo")

    show_texts(Console(file=out, width=60), "[user]\nIs it?", answers, protocol=shown)

    assert [line for line in out.getvalue().splitlines() if line] == [
        "User:", "Is it?", "A", "Assistant (to be rated):", "Yes", "- one", "B", "Assistant (to be rated):",
        "\ufffd[2JNo",
    ]  # fmt: skip
