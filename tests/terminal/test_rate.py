import os
import pty
import re
import select
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import pytest
from sqlalchemy import Engine, func
from sqlalchemy import select as sql_select

from rater.errors import ClosedError, DatabaseError, FullError, RaterError, StateError
from rater.store.engine import reading, writing
from rater.store.rating.frame import AnswerRow
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.schema import Rater
from rater.store.rating.sessions import find_rater_session
from rater.store.rating.studies import get_study, move_study
from rater.store.rating.trials import Judgement, Submission, record_answers
from rater.study.dimension import Dimension
from rater.study.endings import Ending, Endings
from rater.study.label_choice import Choose, shuffled_places
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Likert
from rater.study.state import State
from rater.study.study import Study
from rater.study.visit import Channel
from rater.terminal.rate import token_file
from tests.terminal.conftest import NOW, Publish, Rate


def _values(rows: list[AnswerRow]) -> list[tuple[int, float | None]]:
    return [(row.position, row.answer) for row in rows]


def test_a_study_is_rated_from_consent_to_thanks(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study()

    printed = rate("y", "", "3", "5", "1", "")

    assert _values(answers()) == [(1, 3), (2, 5), (3, 1)]
    assert "You will rate texts. Nothing about you is stored." in printed
    assert "Say how happy each text is." in printed
    assert "Thank you. All your answers are saved" in printed
    assert re.findall(r"\d of 3", printed) == ["1 of 3", "2 of 3", "3 of 3"]


def test_a_rater_who_finished_may_rate_another_booklet_or_leave_and_sees_the_code(
    publish_study: Publish,
    rate: Rate,
    answers: Callable[[], list[AnswerRow]],
    protocol: Protocol,
    database: Engine,
) -> None:
    endings = Endings(finished=Ending(code="DONE-1"))
    shown = protocol.model_copy(update={"booklets_per_rater": 3, "endings": endings})
    publish_study(shown=shown, texts_apart=True)

    first = rate("y", "", "3", "", "n")
    second = rate("", "y", "4", "", "y", "q")

    assert "You may rate 1 more text. You do not have to. y to continue" in first
    assert _values(answers()) == [(1, 3), (2, 4)]
    assert second.count("Your code: DONE-1") == 3
    with reading(database) as session:
        numbers = session.scalars(sql_select(Rater.booklet_number).order_by(Rater.booklet_number)).all()
    assert numbers == [1, 2, 3]


def test_a_trial_shows_text_question_scale_and_keys(publish_study: Publish, rate: Rate) -> None:
    publish_study(texts=(("I woke up", " and smiled.\n  Twice."),))

    printed = rate("y", "")

    trial = printed[printed.index("1 of 1") :]
    assert [line.rstrip() for line in trial.splitlines()] == [
        "1 of 1",
        "",
        "I woke up and smiled.",
        "  Twice.",
        "",
        "How happy is this text?",
        "   1  not at all happy",
        "   2",
        "   3",
        "   4",
        "   5  very happy",
        "1–5 to answer · u back · q quit",
        "",
        "No text is rated yet. Run the same command to continue.",
    ]


def test_who_declines_leaves_nothing_behind(publish_study: Publish, rate: Rate, database: Engine) -> None:
    publish_study()

    printed = rate("maybe", "n")

    assert "Please press y or n." in printed
    assert printed.endswith("Nothing is stored. Goodbye.\n")
    assert not rate.state_folder.exists()
    with reading(database) as session:
        assert session.scalar(sql_select(func.count()).select_from(Rater)) == 0


def test_who_leaves_at_the_consent_leaves_nothing_behind(publish_study: Publish, rate: Rate) -> None:
    publish_study()

    printed = rate()

    assert printed.endswith("Nothing is stored.\n")
    assert not rate.state_folder.exists()


def test_quitting_reports_the_saved_answers_and_the_same_command_continues(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study()

    first = rate("y", "", "3", "4", "q")
    second = rate("2", "")

    assert first.endswith("Saved up to text 2. Run the same command to continue.\n")
    assert "You will rate texts." not in second
    assert re.findall(r"\d of 3", second) == ["3 of 3"]
    assert _values(answers()) == [(1, 3), (2, 4), (3, 2)]
    assert len({row.rater_id for row in answers()}) == 1


def test_quitting_at_the_instructions_shows_them_again(publish_study: Publish, rate: Rate) -> None:
    publish_study()

    first, second = rate("y", "q"), rate("", "q")

    assert first.endswith("No text is rated yet. Run the same command to continue.\n")
    assert "You will rate texts." not in second
    assert "Say how happy each text is." in second


def test_undo_goes_back_and_a_changed_answer_is_a_revision(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study()

    printed = rate("y", "", "3", "4", "u", "u", "5", "", "1", "")

    rows = answers()
    assert _values(rows) == [(1, 5), (2, 4), (3, 1)]
    assert [row.n_revisions for row in rows] == [2, 2, 1]  # Enter sends the same answer again
    assert "   3   (your answer)" in printed
    assert "1–5 to answer · Enter keeps 3 · u back · q quit" in printed
    assert re.findall(r"\d of 3", printed) == [
        "1 of 3",
        "2 of 3",
        "3 of 3",
        "2 of 3",
        "1 of 3",
        "2 of 3",
        "3 of 3",
    ]


def test_the_last_answer_can_be_undone_too(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study()

    rate("y", "", "3", "3", "3", "u", "4", "")

    assert _values(answers()) == [(1, 3), (2, 3), (3, 4)]


def test_there_is_nothing_before_the_first_text(publish_study: Publish, rate: Rate) -> None:
    publish_study()

    assert "This is as far back as it goes. Press 1–5 to answer" in rate("y", "", "u")


def test_several_dimensions_are_asked_on_one_screen_and_saved_together(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Callable[[], list[AnswerRow]]
) -> None:
    calm = Dimension(name="calm", question="How calm?", scale=Likert(points=3, low="not", high="very"))
    publish_study(shown=protocol.model_copy(update={"dimensions": (*protocol.dimensions, calm)}))

    first = rate("y", "", "5", "3", "4", "q")
    saved = [(row.position, row.dimension, row.answer) for row in answers()]
    second = rate("4", "u", "2", "1", "u", "5", "", "1", "2", "")

    assert first.endswith("Saved up to text 1. Run the same command to continue.\n")
    assert saved == [(1, "calm", 3), (1, "happiness", 5)]
    assert [(row.position, row.dimension, row.answer) for row in answers()] == [
        (1, "calm", 3),
        (1, "happiness", 5),
        (2, "calm", 1),
        (2, "happiness", 5),
        (3, "calm", 2),
        (3, "happiness", 1),
    ]
    assert re.findall(r"\d of 3", second) == ["2 of 3", "3 of 3", "2 of 3", "3 of 3"]


def test_the_time_a_text_was_shown_is_kept(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study()

    rate("y", "", "3", "q")

    assert [row.shown_ms for row in answers()] == [1500]
    assert [row.answered_at for row in answers()] == [NOW]


def test_the_rater_is_kept_as_one_of_the_terminal(
    publish_study: Publish, rate: Rate, database: Engine
) -> None:
    publish_study()

    rate("y", "", "3", "3", "3")

    with reading(database) as session:
        rater = session.scalars(sql_select(Rater)).one()
        times = (rater.consented_at, rater.instructed_at, rater.finished_at)
        assert rater.channel == "terminal"
    assert times == (NOW, NOW, NOW)


def test_the_token_is_readable_by_its_owner_only_and_names_nothing(
    publish_study: Publish, rate: Rate
) -> None:
    publish_study()

    rate("y")

    kept = list(rate.state_folder.iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600]
    assert stat.S_IMODE(rate.state_folder.stat().st_mode) == 0o700
    assert re.fullmatch(r"rating-[0-9a-f]{32}", kept[0].name)
    assert re.fullmatch(r"[\w-]{43}", kept[0].read_text(encoding="ascii"))


def test_a_token_belongs_to_one_database_and_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/a.db"

    assert token_file(tmp_path, url, "x") == token_file(tmp_path, "sqlite:///a.db", "x")
    assert token_file(tmp_path, url, "x") != token_file(tmp_path, url, "y")
    assert token_file(tmp_path, url, "x") != token_file(tmp_path, url, "x", "ana")
    assert token_file(tmp_path, url, "x") != token_file(tmp_path, f"sqlite:///{tmp_path}/b.db", "x")


def test_a_folder_that_cannot_hold_the_token_is_named_before_a_booklet_is_dealt(
    publish_study: Publish, rate: Rate, database: Engine
) -> None:
    publish_study()
    rate.state_folder.touch()

    with pytest.raises(StateError, match=r"state/rating-\w+ cannot be read|cannot be kept in .*state"):
        rate("y")

    with reading(database) as session:
        assert session.scalar(sql_select(func.count()).select_from(Rater)) == 0


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ("published", ClosedError, "Study 'a_study' is not open yet. Run: rater open a_study"),
        ("closed", ClosedError, "Study 'a_study' is closed: it takes no more answers."),
    ],
)
def test_a_study_that_is_not_open_is_refused_before_consent(
    publish_study: Publish, rate: Rate, state: str, error: type[RaterError], message: str
) -> None:
    publish_study(state=state)

    with pytest.raises(error) as caught:
        rate("y")

    assert str(caught.value) == message
    assert rate.printed == ""


def test_a_full_study_is_refused_before_consent(publish_study: Publish, rate: Rate, database: Engine) -> None:
    publish_study(n_booklets=1)
    with writing(database) as session:
        study_id = get_study(session, "a_study").id
        shown = get_study(session, "a_study").protocol
        claim_booklet(session, study_id, "another", arrival=Arrival(Channel.WEB), protocol=shown, now=NOW)

    with pytest.raises(
        FullError, match=r"^Every place in study 'a_study' is taken; nothing is left to rate\.$"
    ):
        rate("y")


def test_an_unpublished_study_and_a_missing_database_say_what_to_run(
    publish_study: Publish, rate: Rate, tmp_path: Path
) -> None:
    publish_study()

    with pytest.raises(StateError, match="Did you mean 'a_study'"):
        rate("y", study="a_studdy")
    rate.url = f"sqlite:///{tmp_path}/nowhere.db"
    with pytest.raises(DatabaseError, match="Run: rater publish STUDY"):
        rate("y")


def test_a_study_that_was_closed_meanwhile_says_what_is_saved(
    publish_study: Publish, rate: Rate, database: Engine
) -> None:
    publish_study()
    rate("y", "", "3", "q")
    with writing(database) as session:
        move_study(session, "a_study", State.CLOSED, at=NOW)

    with pytest.raises(ClosedError) as caught:
        rate("3")

    assert str(caught.value) == (
        "Study 'a_study' is closed: it takes no more answers. Your answers up to text 1 are saved."
    )


def test_a_study_that_closes_while_a_text_is_read_says_what_is_saved(
    publish_study: Publish, rate: Rate, database: Engine, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study()

    def close_at_the_second_text() -> None:
        if rate.seconds == 6:
            with writing(database) as session:
                move_study(session, "a_study", State.CLOSED, at=NOW)

    rate.on_tick = close_at_the_second_text
    with pytest.raises(ClosedError) as caught:
        rate("y", "", "3", "4")

    assert (
        str(caught.value) == "This study is not collecting answers now. Your answers up to text 1 are saved."
    )
    assert _values(answers()) == [(1, 3)]


def test_who_has_finished_is_thanked_even_when_the_study_is_closed(
    publish_study: Publish, rate: Rate, database: Engine
) -> None:
    publish_study()
    rate("y", "", "3", "3", "3")
    with writing(database) as session:
        move_study(session, "a_study", State.CLOSED, at=NOW)

    printed = rate("u", "5")

    assert "Thank you. All your answers are saved" in printed
    assert "back to the last text" not in printed


def test_a_second_terminal_that_went_ahead_is_not_in_the_way(
    publish_study: Publish, rate: Rate, database: Engine, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study()
    rate("y", "", "q")
    token = next(rate.state_folder.iterdir()).read_text(encoding="ascii")
    with writing(database) as session:
        study_id = get_study(session, "a_study").id
        rater_session = find_rater_session(session, study_id, token)
        assert rater_session is not None
        sent = Submission("x", 1, {"happiness": Judgement(2)})
        record_answers(session, study_id, rater_session, sent, revising="all", now=NOW)

    rate("3", "q")

    assert _values(answers()) == [(1, 2), (2, 3)]


def test_two_people_can_rate_on_one_machine(
    publish_study: Publish, rate: Rate, answers: Callable[[], list[AnswerRow]]
) -> None:
    publish_study(texts=(("I woke up", " and smiled."),), n_booklets=2)
    rate("y", "", "3", "")

    rate("y", "", "5", "", person="ana")

    assert "rater rate a_study --as NAME" in rate("")
    assert sorted(row.answer or 0 for row in answers()) == [3, 5]
    assert len({row.rater_id for row in answers()}) == 2


def test_the_terminal_loads_nothing_that_knows_an_arm() -> None:
    check = "import rater.terminal, sys; print(*sys.modules)"

    loaded = set(
        subprocess.run(
            [sys.executable, "-c", check], capture_output=True, text=True, check=True
        ).stdout.split()
    )

    assert "rater.terminal.rate" in loaded
    assert not loaded & {
        "torch",
        "transformers",
        "rater.store.sealed",
        "rater.store.sealed.schema",
        "rater.study.arms",
        "rater.study.study",
        "rater.steering",
        "rater.analysis",
        "rater.unblind",
    }


_COMMAND = """
import fcntl, signal, sys, termios
from datetime import UTC, datetime
from pathlib import Path
from rich.console import Console
from rater.terminal import Keyboard, rate_in_terminal

fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl-C interrupts us
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
rate_in_terminal(
    sys.argv[1], "a_study", console=Console(), keyboard=Keyboard(sys.stdin), state_folder=Path(sys.argv[2]),
    now=lambda: datetime.now(UTC),
)
print("left kindly")
"""


def _wait_for_a_key_to_be_asked(tty: int) -> None:
    until = time.monotonic() + 20
    while termios.tcgetattr(tty)[3] & termios.ICANON:
        assert time.monotonic() < until, "no key is asked"
        time.sleep(0.005)


class Terminal:
    """The command on a pseudo-terminal: press keys, and wait for what it shows."""

    def __init__(self, url: str, state_folder: Path) -> None:
        self._master, self._tty = pty.openpty()
        self._unread = ""
        self.settings = termios.tcgetattr(self._tty)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, url, str(state_folder)],
            stdin=self._tty,
            stdout=self._tty,
            stderr=self._tty,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "40"},
            start_new_session=True,
        )

    def shows(self, text: str) -> None:
        until = time.monotonic() + 20
        while text not in self._unread:
            ready = select.select([self._master], [], [], max(until - time.monotonic(), 0))[0]
            assert ready, f"{text!r} is not shown, but: {self._unread!r}"
            self._unread += os.read(self._master, 4096).decode(errors="replace")
        self._unread = self._unread.partition(text)[2]

    def press(self, key: bytes, *, then: str) -> None:
        """Press a key once one is asked, and wait for what it brings."""
        _wait_for_a_key_to_be_asked(self._tty)
        os.write(self._master, key)
        self.shows(then)

    def has_its_settings_back(self) -> bool:
        return termios.tcgetattr(self._tty) == self.settings

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._tty)
        os.close(self._master)


@pytest.fixture
def start(publish_study: Publish, rating_url: str, tmp_path: Path) -> Iterator[Callable[[], Terminal]]:
    """A function that starts the command on a pseudo-terminal."""
    publish_study()
    started: list[Terminal] = []

    def terminal() -> Terminal:
        started.append(Terminal(rating_url, tmp_path / "state"))
        return started[-1]

    yield terminal
    for one in started:
        one.close()


def test_on_a_terminal_one_key_answers(
    start: Callable[[], Terminal], answers: Callable[[], list[AnswerRow]]
) -> None:
    terminal = start()

    terminal.press(b"y", then="Enter to begin")
    terminal.press(b"\r", then="1 of 3")
    terminal.press(b"3", then="2 of 3")
    terminal.press(b"u", then="1 of 3")
    terminal.press(b"4", then="2 of 3")
    terminal.press(b"\x1b[1~", then="Press 1–5")  # Home, whose code has a 1 in it
    terminal.press("é".encode(), then="Press 1–5")
    terminal.press(b"5", then="3 of 3")
    terminal.press(b"1", then="All your answers are saved")
    terminal.press(b"\r", then="left kindly")

    assert terminal.process.wait(10) == 0
    assert terminal.has_its_settings_back()
    assert _values(answers()) == [(1, 4), (2, 5), (3, 1)]


@pytest.mark.parametrize("key", [b"q", b"\x03", b"\x04"], ids=["q", "ctrl-c", "ctrl-d"])
def test_on_a_terminal_one_leaves_kindly_and_comes_back(start: Callable[[], Terminal], key: bytes) -> None:
    terminal = start()
    terminal.press(b"y", then="Enter to begin")
    terminal.press(b"\r", then="1 of 3")
    terminal.press(b"3", then="2 of 3")

    terminal.press(key, then="Saved up to text 1. Run the same command to continue.")

    terminal.shows("left kindly")
    assert terminal.process.wait(10) == 0
    assert terminal.has_its_settings_back()
    start().shows("2 of 3")


def test_what_was_answered_before_a_terminal_was_killed_is_there(
    start: Callable[[], Terminal], answers: Callable[[], list[AnswerRow]]
) -> None:
    terminal = start()
    terminal.press(b"y", then="Enter to begin")
    terminal.press(b"\r", then="1 of 3")
    terminal.press(b"3", then="2 of 3")
    terminal.press(b"4", then="3 of 3")

    terminal.process.kill()

    start().shows("3 of 3")
    assert _values(answers()) == [(1, 3), (2, 4)]


@pytest.fixture
def tty(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, TextIO]]:
    """The two ends of a pseudo-terminal: where keys are written, and standard input, which reads them."""
    master, slave = pty.openpty()
    with os.fdopen(slave, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        yield master, stream
    os.close(master)


def test_a_trial_shows_its_fields_above_the_text_and_in_the_question(
    publish_study: Publish, rate: Rate, study_with_items: Study
) -> None:
    practice = Practice(prompt="Sun", text=" of {concept}.", fields={"concept": "love", "task": "Try\u202e"})
    declared = study_with_items.model_copy(update={"practice": (practice,)})
    fields = {"concept": "dogs", "task": "One line"}
    publish_study(shown=declared.protocol, texts=(("We", " ran."),), fields=fields)

    printed = rate("y", "", "3", "", "4", "")

    practised, rated = printed.split("1 of 1:", 1)[1].split("1 of 1", 1)
    assert "The task  Try\ufffd\n\nSun of love.\n\nHow clearly is love present?" in _unpadded(practised)
    assert "The task  One line\n\nWe ran.\n\nHow clearly is dogs present?\n" in _unpadded(rated)
    assert "5  much dogs" in rated


def _unpadded(printed: str) -> str:
    return "\n".join(line.rstrip() for line in printed.splitlines())


def test_labels_are_chosen_by_their_place_in_the_order_of_the_rater(
    publish_study: Publish, rate: Rate, protocol: Protocol, answers: Callable[[], list[AnswerRow]]
) -> None:
    labels = ("love", "weddings", "anger", "travel")
    which = Dimension(name="which", question="Which?", scale=Choose(options=labels, none="none"))
    publish_study(shown=protocol.model_copy(update={"dimensions": (which,)}))

    printed = rate("y", "", "1", "4", "5", "")

    rows = answers()
    order = shuffled_places(rows[0].rater_id, 4)
    assert [row.answer for row in rows] == [order[0] + 1, order[3] + 1, 0]
    trial = printed[printed.index("1 of 3") : printed.index("2 of 3")]
    places = [trial.index(f"{place}  {labels[index]}") for place, index in enumerate(order, start=1)]
    assert places == sorted(places)
