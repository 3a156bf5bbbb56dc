"""The parts of a visit around the trials: screening, practice, last questions, ending."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from rater.store.engine import reading, writing
from rater.store.rating import frame, steps
from rater.store.rating.sessions import RaterSession
from rater.study.dimension import Dimension
from rater.study.endings import Outcome
from rater.study.fields import PROMPT
from rater.study.practice_and_checks import PRACTICE_ATTEMPTS, Answered, mark
from rater.study.protocol import Protocol
from rater.study.questionnaire import When
from rater.study.visit import BlindingQuestion, GuessChoice, LeavingReason
from rater.terminal.console import (
    Prompter,
    print_line,
    show_fields,
    show_markdown,
    show_page,
    show_texts,
)

_CHOICES = tuple(GuessChoice)


@dataclass(frozen=True)
class Around:
    """The pages before the first trial and after the last."""

    engine: Engine
    protocol: Protocol
    asking: Prompter
    now: Callable[[], datetime]

    def screen(self, rater_session: RaterSession) -> bool:
        """Ask the screening's questions; False if the rater cannot take part, which is stored."""
        show_page(self.asking.console, self.protocol.title, "Some questions first.")
        for question in self.protocol.screening:
            chosen = question.options[self.asking.choose(question.question, question.options)]
            if chosen not in question.accepted:
                with writing(self.engine) as session:
                    steps.leave(
                        session, rater_session.rater_id, why=LeavingReason.SCREENED_OUT, now=self.now()
                    )
                return False
        with writing(self.engine) as session:
            steps.pass_screening(session, rater_session.rater_id, now=self.now())
        return True

    def ask_about_rater(self, rater_session: RaterSession, when: When) -> None:
        """Ask the questions about the rater before or after the trials, each of which can be declined."""
        show_page(self.asking.console, self.protocol.title, "Some questions about you.")
        questions = self.protocol.questions(when)
        answers = {each.name: self.asking.ask_about_rater(each) for each in questions}
        with writing(self.engine) as session:
            steps.record_questionnaire(
                session,
                rater_session.rater_id,
                answers,
                when=when,
                now=self.now(),
                quotas=self.protocol.quotas,
            )

    @property
    def trial(self) -> str:
        """The word for a trial: text, pair or group."""
        return self.protocol.trial_noun

    def practise(self, rater_session: RaterSession) -> bool:
        """Let the rater practise, twice if necessary; False if the rater failed, which is stored."""
        practice, needed = self.protocol.practice, self.protocol.practice_pass
        with reading(self.engine) as session:
            only = frame.read_only_dimension(session, rater_session.booklet_id)
        asked = [each for each in self.protocol.dimensions if only in {None, each.name}]
        dimensions = [each.shown_to(rater_session.rater_id) for each in asked]
        for attempt in range(rater_session.n_practice_attempts, PRACTICE_ATTEMPTS):
            answered = [self._practise_one(number, dimensions) for number in range(len(practice))]
            marked = mark(practice, answered, needed=needed)
            with writing(self.engine) as session:
                steps.finish_practice(
                    session,
                    rater_session.rater_id,
                    passed=marked.has_passed,
                    attempts=PRACTICE_ATTEMPTS,
                    now=self.now(),
                )
            if marked.has_passed:
                self.asking.enter("The practice is over; from now on it counts. Enter to continue · q quit")
                return True
            print_line(self.asking.console, f"{marked.n_right} of them right, {marked.n_needed} are needed.")
            if attempt == 0:
                self.asking.enter("Enter to try again · q quit")
        return False

    def _practise_one(self, number: int, dimensions: Sequence[Dimension]) -> Answered:
        practice = self.protocol.practice[number]
        show_page(
            self.asking.console,
            f"Practice {number + 1} of {len(self.protocol.practice)}: this does not count",
            "",
        )
        fields = {PROMPT: practice.prompt, **practice.fields}
        show_fields(self.asking.console, self.protocol.shown_fields, fields)
        show_texts(self.asking.console, practice.prompt, practice.texts, protocol=self.protocol)
        asked = [dimension.filled(fields) for dimension in dimensions]
        answers = None
        while answers is None:  # there is nothing to go back to
            answers = self.asking.judge(asked, {}, may_go_back=False)
        if practice.feedback is not None:
            show_markdown(self.asking.console, f"\n{practice.feedback}")
            self.asking.enter("Enter to continue · q quit")
        return {name: judgement.value for name, judgement in answers.items()}

    def guess(self, rater_session: RaterSession, question: BlindingQuestion) -> None:
        """Ask which texts were changed, or whether one could tell at all."""
        with writing(self.engine) as session:
            steps.open_guesses(session, rater_session.rater_id, now=self.now())
        with reading(self.engine) as session:
            texts = frame.read_asked(session, rater_session.booklet_id, question.n_texts)
        options = (*question.labels, question.unsure)
        choices: dict[int, GuessChoice] = {}
        for number, text in enumerate(texts, start=1):
            show_page(self.asking.console, f"Last questions: {number} of {len(texts)}", "")
            show_fields(self.asking.console, self.protocol.shown_fields, text.fields)
            show_texts(self.asking.console, text.prompt, (text.text,), protocol=self.protocol)
            choices[text.position] = _CHOICES[self.asking.choose(question.question, options)]
        if not texts:
            show_page(self.asking.console, "A last question", "")
            choices[frame.ABOUT_ALL] = _CHOICES[self.asking.choose(question.question, options)]
        with writing(self.engine) as session:
            steps.record_guesses(session, rater_session.rater_id, choices, now=self.now())

    def comment(self, rater_session: RaterSession, question: str) -> None:
        """Ask for a free comment."""
        show_page(self.asking.console, self.protocol.title, "")
        written = self.asking.write(question) or ""
        with writing(self.engine) as session:
            steps.record_comment(session, rater_session.rater_id, written, now=self.now())

    def say_goodbye(self, reason: LeavingReason) -> None:
        """Show the end of the visit of a rater who left early."""
        usual = (
            "Thank you, but you cannot take part in this study."
            if reason.is_ineligible
            else "You have stopped. What you answered is kept; thank you."
        )
        self.show_ending(Outcome.of_leaving(reason), usual)

    def show_ending(self, outcome: Outcome, usual: str | None = None) -> None:
        """Show the text of an ending, or the usual one, and its code and address, if the study has them."""
        ending = self.protocol.endings.of(outcome)
        if ending.text is not None:
            show_markdown(self.asking.console, ending.text)
        elif usual is not None:
            print_line(self.asking.console, usual)
        if ending.code is not None:
            print_line(self.asking.console, f"Your code: {ending.code}")
        if ending.url is not None:
            print_line(self.asking.console, f"Continue at {ending.url}")

    def outcome_of_finished(self, rater_session: RaterSession, study_id: int) -> Outcome:
        """Return the outcome of a rater who finished: by the study's rule they may have failed the checks."""
        rule, rater_id = self.protocol.check_rule, rater_session.rater_id
        if rule is None or rater_session.is_further:
            return Outcome.FINISHED
        with reading(self.engine) as session:
            checks = frame.count_checks(session, study_id, rater_id=rater_id).get(rater_id, (0, 0))
        return Outcome.FAILED_CHECKS if rule.is_failed(*checks) else Outcome.FINISHED
