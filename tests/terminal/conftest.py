"""Give the terminal's tests a rater who presses keys through a pipe."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console
from sqlalchemy import Engine

from rater.store.engine import open_engine, reading
from rater.store.rating.frame import AnswerRow, read_answers
from rater.store.rating.studies import get_study
from rater.terminal import Keyboard, rate_in_terminal

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Publish = Callable[..., str]


class Rate:
    """Run the command's function with piped input, and keep what it printed."""

    def __init__(self, url: str, state_folder: Path) -> None:
        self.url, self.state_folder = url, state_folder
        self.seconds = 0.0
        self.on_tick: Callable[[], None] = lambda: None
        self.printed = ""

    def __call__(self, *pressed: str, study: str = "a_study", person: str = "") -> str:
        out = io.StringIO()
        try:
            rate_in_terminal(
                self.url,
                study,
                console=Console(file=out, width=80),
                keyboard=Keyboard(io.StringIO("".join(f"{line}\n" for line in pressed))),
                state_folder=self.state_folder,
                now=lambda: NOW,
                clock=self._clock,
                person=person,
            )
        finally:
            self.printed = out.getvalue()
        return self.printed

    def _clock(self) -> float:
        self.seconds += 1.5
        self.on_tick()
        return self.seconds


@pytest.fixture
def rate(rating_url: str, tmp_path: Path) -> Rate:
    return Rate(rating_url, tmp_path / "state")


@pytest.fixture
def answers(rating_url: str) -> Callable[[], list[AnswerRow]]:
    """A function that reads the study's answers."""

    def read() -> list[AnswerRow]:
        engine = open_engine(rating_url)
        with reading(engine) as session:
            rows = read_answers(session, get_study(session, "a_study").id)
        engine.dispose()
        return rows

    return read


@pytest.fixture
def database(rating_url: str) -> Iterator[Engine]:
    engine = open_engine(rating_url)
    yield engine
    engine.dispose()
