"""Rate a study in the terminal: consent, instructions, trials, end; back, pause and resume."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.errors import ClosedError, FullError, StateError
from rater.store.engine import reading, shown_url, writing
from rater.store.rating import places, raters, steps
from rater.store.rating.counts import Turned, count_visitor
from rater.store.rating.further_booklets import find_latest, read_further_offer, take_further_booklet
from rater.store.rating.open import open_rating
from rater.store.rating.sessions import RaterSession, find_rater_session, new_token
from rater.store.rating.studies import PublishedStudy, get_study
from rater.store.rating.trials import Submission, Timing, first_revisable, record_answers, view_trial
from rater.study.endings import Outcome
from rater.study.state import State
from rater.study.visit import Channel, LeavingReason
from rater.temp_files import write_whole
from rater.terminal.console import (
    Keyboard,
    Prompter,
    print_line,
    show_fields,
    show_markdown,
    show_page,
    show_progress,
    show_texts,
)
from rater.terminal.visit import Around


def token_file(folder: Path, rating_url: str, study_name: str, person: str = "") -> Path:
    """Return the file of a person's token; the same for the same database, however its path is written."""
    whose = f"\n{person}" if person else ""
    key = hashlib.sha256(f"{shown_url(rating_url)}\n{study_name}{whose}".encode()).hexdigest()
    return folder / f"rating-{key[:32]}"


def read_token(file: Path) -> str | None:
    """Read a kept token; None where none is kept.

    Raises:
        StateError: the file is there but cannot be read.
    """
    try:
        return file.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The token of this session in {file} cannot be read: {error}. Remove the file to begin anew."
        raise StateError(msg) from error


def keep_token(file: Path, token: str | None = None) -> str:
    """Draw a token, or take one, and keep it, whole and on the disk, readable by its owner only.

    Raises:
        StateError: it cannot be kept.
    """
    token = token or new_token()
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(file, token.encode("ascii"))
    except OSError as error:
        msg = (
            f"The token of this session cannot be kept in {file.parent}: {error.strerror}. Make it writable."
        )
        raise StateError(msg) from error
    return token


def rate_in_terminal(  # noqa: PLR0913 (what a visit needs of the outside world)
    rating_url: str,
    study_name: str,
    *,
    console: Console,
    keyboard: Keyboard,
    state_folder: Path,
    now: Callable[[], datetime],
    clock: Callable[[], float] = time.monotonic,
    invitation: str | None = None,
    person: str = "",
) -> None:
    """Lead a rater through a study, from where they stopped; each text's answers are saved at once.

    A returning rater is recognised by a random token in ``state_folder`` in a file that only its owner can
    read. Leaving (``q``, Ctrl-C, or the end of the input) is not an error: a line reports what is saved.
    ``clock`` counts seconds and never goes back. ``invitation`` is the code of a personal link.
    ``person`` tells raters apart who share ``state_folder``.

    Raises:
        DatabaseError: the rating database is missing, of another revision, or cannot be used.
        StateError: no such study is published, it is not for raters of the terminal, or the token cannot be
            kept.
        ClosedError: the study takes no answers now.
        FullError: every booklet is assigned.
    """
    engine = open_rating(rating_url)
    try:
        with reading(engine) as session:
            study = get_study(session, study_name)
        file = token_file(state_folder, rating_url, study_name, person)
        rating = _Rating(engine, study, file, Prompter(console, keyboard), now, clock, invitation)
        try:
            rating.run()
        except (EOFError, KeyboardInterrupt):
            print_line(console, f"\n{rating.what_is_saved()}")
            rating.show_earned_code()
    finally:
        engine.dispose()


@dataclass(frozen=True)
class _Rating:
    """One run of the command."""

    engine: Engine
    study: PublishedStudy
    token_file: Path
    asking: Prompter
    now: Callable[[], datetime]
    clock: Callable[[], float]
    invitation: str | None

    @cached_property
    def around(self) -> Around:
        return Around(self.engine, self.study.protocol, self.asking, self.now)

    @property
    def console(self) -> Console:
        return self.asking.console

    def run(self) -> None:
        rater_session = self._rater_session()
        if self.study.state is not State.OPEN and not (rater_session and rater_session.has_finished):
            raise ClosedError(self._why_closed())
        if rater_session and rater_session.has_finished:
            print_line(self.console, f"For another person: rater rate {self.study.name} --as NAME")
        rater_session = rater_session or self._begin()
        if rater_session is None:
            return
        if not rater_session.may_continue(self.study.protocol.late_raters):
            self._say_goodbye(rater_session)
        elif self._prepare(rater_session):
            self._rate_all(rater_session.next_position)
            self._end()
            if self._takes_another():
                self.run()

    def _say_goodbye(self, rater_session: RaterSession) -> None:
        """Show the ending of a rater who left or lost the place."""
        if rater_session.is_further:
            self.show_earned_code()
        elif rater_session.left_why is not None:
            self.around.say_goodbye(rater_session.left_why)
        else:
            self.around.show_ending(
                Outcome.LATE,
                "Your place was given to someone else because you were inactive for too long. Thank you.",
            )

    def show_earned_code(self) -> None:
        """Show the ending of the first booklet to a rater at a further one; nothing to others."""
        rater_session = self._rater_session()
        if rater_session is not None and rater_session.is_further:
            self.around.show_ending(Outcome.FINISHED, "You have finished your first set.")

    def _takes_another(self) -> bool:
        """Offer a further booklet, and assign it if the rater wants it."""
        protocol = self.study.protocol
        with reading(self.engine) as session:
            rater_session = self._found(session)
            is_begun = find_latest(session, rater_session) != rater_session.rater_id
            offer = read_further_offer(session, self.study.id, rater_session, protocol, now=self.now())
        if self.study.state is not State.OPEN or (offer is None and not is_begun):
            return False
        what = "You have begun another set."
        if offer is not None:
            trial = self.around.trial
            texts = trial if offer.n_trials == 1 else f"{trial}s"
            what = f"You may rate {offer.n_trials} more {texts}."
        bonus = protocol.bonus.per_extra_booklet if protocol.bonus else None
        paid = f" A bonus of {bonus:.2f} is paid for it." if bonus else ""
        print_line(self.console, f"{what}{paid} You do not have to. y to continue · n to leave")
        while (pressed := self.asking.keyboard.key()) not in ("y", "yes"):
            if pressed in ("n", "no", "q"):
                return False
            print_line(self.console, "Please press y or n.")
        try:
            with writing(self.engine) as session:
                token = take_further_booklet(session, self.study.id, rater_session, protocol, now=self.now())
        except StateError as error:
            print_line(self.console, str(error))
            return False
        keep_token(self.token_file, token)
        return True

    def what_is_saved(self) -> str:
        rater_session = self._rater_session()
        if rater_session is None:
            return "Nothing is stored."
        if rater_session.has_finished:
            return "All your answers are saved."
        trial = self.around.trial
        saved = (
            f"Saved up to {trial} {rater_session.n_answered}."
            if rater_session.n_answered
            else f"No {trial} is rated yet."
        )
        return f"{saved} Run the same command to continue."

    def _rater_session(self) -> RaterSession | None:
        token = read_token(self.token_file)
        if token is None:
            return None
        with reading(self.engine) as session:
            return find_rater_session(session, self.study.id, token)

    def _found(self, session: Session) -> RaterSession:
        rater_session = find_rater_session(session, self.study.id, read_token(self.token_file) or "")
        if rater_session is None:
            msg = f"This session is gone: the token in {self.token_file} is not the one it was begun with."
            raise StateError(msg)
        return rater_session

    def _why_closed(self) -> str:
        if self.study.state is State.PUBLISHED:
            return f"Study {self.study.name!r} is not open yet. Run: rater open {self.study.name}"
        more = "answers for now" if self.study.state is State.PAUSED else "more answers"
        return f"Study {self.study.name!r} is {self.study.state}: it takes no {more}.{self._saved_texts()}"

    def _saved_texts(self) -> str:
        rater_session = self._rater_session()
        n_answered = rater_session.n_answered if rater_session else 0
        return f" Your answers up to {self.around.trial} {n_answered} are saved." if n_answered else ""

    def _begin(self) -> RaterSession | None:
        """Ask for consent and assign a booklet; None if the person declines."""
        protocol = self.study.protocol
        self._require_place()
        notice = f"\n\n{protocol.content_notice}" if protocol.content_notice else ""
        show_page(self.console, protocol.title, f"{protocol.consent}{notice}")
        print_line(self.console, "y to take part · n to leave, and nothing is stored")
        while (pressed := self.asking.keyboard.key()) not in ("y", "yes"):
            if pressed in ("n", "no", "q"):
                with writing(self.engine) as session:
                    count_visitor(session, self.study.id, Turned.DECLINED)
                self.around.show_ending(Outcome.DECLINED, "Nothing is stored. Goodbye.")
                return None
            print_line(self.console, "Please press y or n.")
        token = read_token(self.token_file) or keep_token(self.token_file)
        arrival = raters.Arrival(Channel.TERMINAL, invitation=self.invitation)
        with writing(self.engine) as session:
            return raters.claim_booklet(
                session, self.study.id, token, arrival=arrival, protocol=protocol, now=self.now()
            )

    def _require_place(self) -> None:
        protocol = self.study.protocol
        if protocol.recruitment and protocol.recruitment.required:
            msg = f"Study {self.study.name!r} is open only to those whom its recruitment site sends."
            raise StateError(msg)
        with reading(self.engine) as session:
            if protocol.invited_only and not (
                self.invitation and raters.is_invitation(session, self.study.id, self.invitation)
            ):
                msg = (
                    f"Study {self.study.name!r} is open by personal links only. "
                    f"Run: rater rate {self.study.name} --invitation CODE, with the code at the link's end"
                )
                raise StateError(msg)
            if not places.has_free_booklet(session, self.study.id, places.Limits.of(protocol, self.now())):
                msg = f"Every place in study {self.study.name!r} is taken; nothing is left to rate."
                raise FullError(msg)

    def _prepare(self, rater_session: RaterSession) -> bool:
        """Lead to the first trial; False if the rater cannot take part."""
        protocol = self.study.protocol
        if (
            protocol.screening
            and not rater_session.has_been_screened
            and not self.around.screen(rater_session)
        ):
            self.around.say_goodbye(LeavingReason.SCREENED_OUT)
            return False
        if not rater_session.has_read_instructions:
            if protocol.questions("before") and not rater_session.has_answered_before:
                self.around.ask_about_rater(rater_session, "before")
                with reading(self.engine) as session:
                    left_why = self._found(session).left_why
                if left_why is not None:
                    self.around.say_goodbye(left_why)
                    return False
            show_page(self.console, protocol.title, protocol.instructions)
            self.asking.enter("Enter to begin · q quit")
            with writing(self.engine) as session:
                steps.finish_instructions(session, rater_session.rater_id, now=self.now())
        if protocol.practice and not rater_session.has_practised and not self.around.practise(rater_session):
            self.around.say_goodbye(LeavingReason.FAILED_PRACTICE)
            return False
        return True

    def _rate_all(self, position: int) -> None:
        """Go through the trials, back and forth, until the rater continues from the last."""
        while True:
            with reading(self.engine) as session:
                rater_session = self._found(session)
            if position > rater_session.n_trials:
                if not self._goes_back(rater_session):
                    return
                position = rater_session.n_trials
            elif self._may_rest(rater_session, position):
                done = f"{position - 1} of {rater_session.n_trials} are done."
                self.asking.enter(f"{done} Take a break if you like · Enter to continue · q quit")
            position += 1 if self._rate(position) else -1

    def _may_rest(self, rater_session: RaterSession, position: int) -> bool:
        every = self.study.protocol.break_every
        return bool(
            every and position > 1 and position == rater_session.next_position and (position - 1) % every == 0
        )

    def _goes_back(self, rater_session: RaterSession) -> bool:
        """Ask whether the last text is to be revised, while it can; thank the rater if nothing follows."""
        protocol, trial = self.study.protocol, self.around.trial
        can_go_back = self._can_revise(rater_session, rater_session.n_trials)
        if (
            (protocol.blinding and not rater_session.has_guessed)
            or (protocol.questions("after") and not rater_session.has_answered_after)
            or (protocol.final_comment and not rater_session.has_commented)
        ):
            if not can_go_back:
                return False
            show_page(self.console, protocol.title, f"You have rated every {trial}. A last question follows.")
            return not self.asking.enter(
                f"Enter to continue · u back to the last {trial} · q quit", or_back=True
            )
        show_page(self.console, protocol.title, protocol.thanks)
        if not can_go_back:
            return False
        try:
            return not self.asking.enter(f"Enter to leave · u back to the last {trial}", or_back=True)
        except EOFError:
            return False

    def _can_revise(self, rater_session: RaterSession, position: int) -> bool:
        return self.study.state is State.OPEN and position >= first_revisable(
            rater_session, self.study.protocol.revising
        )

    def _end(self) -> None:
        """Ask what is asked at the end, unless it was, and show the way out."""
        protocol = self.study.protocol
        with reading(self.engine) as session:
            rater_session = self._found(session)
        asks = False
        if self.study.state is State.OPEN:
            if protocol.blinding and not rater_session.has_guessed:
                self.around.guess(rater_session, protocol.blinding)
                asks = True
            if protocol.questions("after") and not rater_session.has_answered_after:
                self.around.ask_about_rater(rater_session, "after")
                asks = True
            if protocol.final_comment and not rater_session.has_commented:
                self.around.comment(rater_session, protocol.final_comment)
                asks = True
        if asks:
            show_page(self.console, protocol.title, protocol.thanks)
        if protocol.debrief and (protocol.debrief_immediately or self.study.state.is_over):
            show_markdown(self.console, protocol.debrief)
        self.around.show_ending(self.around.outcome_of_finished(rater_session, self.study.id))

    def _rate(self, position: int) -> bool:
        """Show one trial and save what is answered; False where the rater goes back instead."""
        with reading(self.engine) as session:
            rater_session = self._found(session)
            view = view_trial(session, rater_session, position)
        show_progress(self.console, position, rater_session.n_trials)
        protocol = self.study.protocol
        show_fields(self.console, protocol.shown_fields, view.fields)
        show_texts(self.console, view.prompt, view.texts, protocol=protocol)
        submission_id, shown_at = secrets.token_hex(16), self.clock()
        asked = [each for each in protocol.dimensions if view.dimension in (None, each.name)]
        dimensions = [each.filled(view.fields).shown_to(rater_session.person_id) for each in asked]
        may_go_back = position > 1 and self._can_revise(rater_session, position - 1)
        answers = self.asking.judge(dimensions, view.answers, may_go_back=may_go_back)
        if answers is None:
            return False
        timing = Timing(shown_ms=round((self.clock() - shown_at) * 1000))
        sent = Submission(submission_id, position, answers, timing)
        try:
            with writing(self.engine) as session:
                record_answers(
                    session,
                    self.study.id,
                    self._found(session),
                    sent,
                    revising=protocol.revising,
                    now=self.now(),
                )
        except ClosedError as error:
            msg = f"{error}{self._saved_texts()}"
            raise ClosedError(msg) from error
        return True
