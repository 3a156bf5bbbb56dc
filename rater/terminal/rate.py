"""Lead one rater through a study: consent, instructions, trials, thanks; back, away and on again."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.errors import ClosedError, FullError, StateError
from rater.store.engine import reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.raters import (
    Sitting,
    Submission,
    TrialView,
    claim_booklet,
    find_sitting,
    finish_instructions,
    has_free_booklet,
    record_answers,
    view_trial,
)
from rater.store.rating.studies import PublishedStudy, get_study
from rater.study.protocol import Dimension
from rater.terminal.keyboard import Keyboard
from rater.terminal.screen import keys, say, show_page, show_question, show_trial
from rater.terminal.token import keep_token, read_token, token_file

_SINGLE_KEY_POINTS = 9


def rate_in_terminal(
    rating_url: str,
    study_name: str,
    *,
    console: Console,
    keyboard: Keyboard,
    state_folder: Path,
    now: Callable[[], datetime],
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Lead one rater through a study, or on from where they stopped; each text's answers are saved at once.

    Whoever comes back is known by a random token, kept in ``state_folder`` in a file that only its owner can
    read. Leaving (``q``, Ctrl-C, or the end of the input) is no error: it says what is saved and returns.
    ``clock`` counts seconds and never goes back.

    Raises:
        DatabaseError: the rating database is missing, of another revision, or cannot be used.
        StateError: no such study is published, or the token cannot be kept.
        ClosedError: the study takes no answers now.
        FullError: every booklet is dealt.
    """
    engine = open_rating(rating_url)
    try:
        with reading(engine) as session:
            study = get_study(session, study_name)
        file = token_file(state_folder, rating_url, study_name)
        rating = _Rating(engine, study, file, console=console, keyboard=keyboard, now=now, clock=clock)
        try:
            rating.run()
        except (EOFError, KeyboardInterrupt):
            say(console, f"\n{rating.what_is_saved()}")
    finally:
        engine.dispose()


@dataclass(frozen=True)
class _Rating:
    """One run of the command."""

    engine: Engine
    study: PublishedStudy
    token_file: Path
    console: Console
    keyboard: Keyboard
    now: Callable[[], datetime]
    clock: Callable[[], float]

    def run(self) -> None:
        sitting = self._sitting()
        if self.study.state != "open" and not (sitting and sitting.has_finished):
            raise ClosedError(self._why_closed())
        sitting = sitting or self._begin()
        if sitting is None:
            return
        if not sitting.has_read_instructions:
            self._instruct(sitting)
        position = sitting.next_position
        while position <= sitting.n_trials or self._goes_back():
            position = min(position, sitting.n_trials)
            position += 1 if self._rate(position) else -1

    def what_is_saved(self) -> str:
        sitting = self._sitting()
        if sitting is None:
            return "Nothing is stored."
        if sitting.has_finished:
            return "All your answers are saved."
        saved = f"Saved up to text {sitting.n_answered}." if sitting.n_answered else "No text is rated yet."
        return f"{saved} Run the same command to go on."

    def _sitting(self) -> Sitting | None:
        token = read_token(self.token_file)
        if token is None:
            return None
        with reading(self.engine) as session:
            return find_sitting(session, self.study.id, token)

    def _found(self, session: Session) -> Sitting:
        sitting = find_sitting(session, self.study.id, read_token(self.token_file) or "")
        if sitting is None:
            msg = f"This sitting is gone: the token in {self.token_file} is not the one it was begun with."
            raise StateError(msg)
        return sitting

    def _why_closed(self) -> str:
        if self.study.state == "published":
            return f"Study {self.study.name!r} is not open yet. Run: rater open {self.study.name}"
        return (
            f"Study {self.study.name!r} is {self.study.state}: it takes no more answers.{self._saved_texts()}"
        )

    def _saved_texts(self) -> str:
        sitting = self._sitting()
        n_answered = sitting.n_answered if sitting else 0
        return f" Your answers up to text {n_answered} are saved." if n_answered else ""

    def _begin(self) -> Sitting | None:
        """Ask for consent and deal a booklet; None for who would rather not."""
        with reading(self.engine) as session:
            if not has_free_booklet(session, self.study.id):
                msg = f"Every place in study {self.study.name!r} is taken; nothing is left to rate."
                raise FullError(msg)
        show_page(self.console, self.study.protocol.title, self.study.protocol.consent)
        say(self.console, "y to take part · n to leave, and nothing is stored")
        while (pressed := self.keyboard.key()) not in ("y", "yes"):
            if pressed in ("n", "no", "q"):
                say(self.console, "Nothing is stored. Goodbye.")
                return None
            say(self.console, "Please press y or n.")
        token = read_token(self.token_file) or keep_token(self.token_file)
        with writing(self.engine) as session:
            return claim_booklet(session, self.study.id, token, channel="terminal", now=self.now())

    def _instruct(self, sitting: Sitting) -> None:
        show_page(self.console, self.study.protocol.title, self.study.protocol.instructions)
        say(self.console, "Enter to begin · q quit")
        if self.keyboard.key() == "q":
            raise EOFError
        with writing(self.engine) as session:
            finish_instructions(session, sitting.rater_id, now=self.now())

    def _goes_back(self) -> bool:
        """Say thanks; until the study is closed, the last text can still be revised."""
        show_page(self.console, self.study.protocol.title, self.study.protocol.thanks)
        if self.study.state != "open":
            return False
        say(self.console, "Enter to leave · u back to the last text")
        try:
            return self.keyboard.key() == "u"
        except EOFError:
            return False

    def _rate(self, position: int) -> bool:
        """Show one trial and save what is answered; False where the rater goes back instead."""
        with reading(self.engine) as session:
            sitting = self._found(session)
            view = view_trial(session, sitting, position)
        show_trial(self.console, view, sitting.n_trials)
        submission_id, shown_at = secrets.token_hex(16), self.clock()
        answers = self._ask_all(view)
        if answers is None:
            return False
        shown_ms = round((self.clock() - shown_at) * 1000)
        sent = Submission(id=submission_id, position=position, answers=answers, shown_ms=shown_ms)
        try:
            with writing(self.engine) as session:
                record_answers(session, self.study.id, self._found(session), sent, now=self.now())
        except ClosedError as error:
            msg = f"{error}{self._saved_texts()}"
            raise ClosedError(msg) from error
        return True

    def _ask_all(self, view: TrialView) -> dict[str, int] | None:
        """Ask every dimension in turn; None where the rater goes back to the text before."""
        dimensions = self.study.protocol.dimensions
        answers = dict(view.answers)
        asked = 0
        while asked < len(dimensions):
            dimension = dimensions[asked]
            may_go_back = asked > 0 or view.position > 1
            point = self._ask(dimension, answers.get(dimension.name), may_go_back=may_go_back)
            if point is not None:
                answers[dimension.name] = point
                asked += 1
            elif asked > 0:
                asked -= 1
            else:
                return None
        return answers

    def _ask(self, dimension: Dimension, before: int | None, *, may_go_back: bool) -> int | None:
        """Wait for a point of the scale; None where the rater goes back."""
        show_question(self.console, dimension, before)
        points = {str(point): point for point in range(1, dimension.scale.points + 1)}
        read = self.keyboard.key if len(points) <= _SINGLE_KEY_POINTS else self.keyboard.line
        while (pressed := read()) not in points:
            if pressed == "q":
                raise EOFError
            if pressed == "" and before is not None:
                return before
            if pressed == "u" and may_go_back:
                return None
            first = "This is the first text. " if pressed == "u" else ""
            say(self.console, f"{first}Press {keys(dimension.scale, before)}.")
        return points[pressed]
