"""Ask a rater's questions in the terminal, one after the other, on any scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from rater.store.rating.trials import Judgement
from rater.study.protocol import MAX_ANSWER_COMMENT, Dimension
from rater.terminal.console import Keyboard, answer_keys, key_help, needs_enter, print_line, show_question


@dataclass(frozen=True)
class Prompter:
    """The terminal and keyboard for questions and answers."""

    console: Console
    keyboard: Keyboard

    def judge(
        self, dimensions: Sequence[Dimension], before: Mapping[str, Judgement], *, may_go_back: bool
    ) -> dict[str, Judgement] | None:
        """Ask every dimension in turn; None where the rater goes back to what came before them.

        Raises:
            EOFError: the rater quits.
        """
        answers = dict(before)
        asked = 0
        while asked < len(dimensions):
            dimension = dimensions[asked]
            given = answers.get(dimension.name)
            judgement = self._ask(dimension, given, may_go_back=may_go_back or asked > 0)
            if judgement is not None:
                answers[dimension.name] = judgement
                asked += 1
            elif asked > 0:
                asked -= 1
            else:
                return None
        return answers

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Ask for one of some options; returns its index.

        Raises:
            EOFError: the rater quits.
        """
        print_line(self.console, question)
        for number, option in enumerate(options, start=1):
            print_line(self.console, f"{number:>4}  {option}")
        valid = {str(number): number - 1 for number in range(1, len(options) + 1)}
        read = self.keyboard.key if len(options) < 10 else self.keyboard.line
        while (pressed := read()) not in valid:
            if pressed == "q":
                raise EOFError
            print_line(self.console, f"Press 1–{len(options)} · q quit.")
        return valid[pressed]

    def enter(self, hint: str, *, or_back: bool = False) -> bool:
        """Wait until the rater continues; False if they go back instead.

        Raises:
            EOFError: the rater quits.
        """
        print_line(self.console, hint)
        pressed = self.keyboard.key()
        if pressed == "q":
            raise EOFError
        return not (or_back and pressed == "u")

    def write(self, label: str, before: str | None = None) -> str | None:
        """Ask for a free text in one line; None where nothing is written.

        Raises:
            EOFError: the rater quits.
        """
        keeps = f' (Enter keeps "{before}", - removes it)' if before else " (or just Enter)"
        print_line(self.console, f"{label}{keeps}:")
        written = self.keyboard.text()[:MAX_ANSWER_COMMENT]
        if before and written in ("", "-"):
            return before if not written else None
        return written or None

    def _ask(self, dimension: Dimension, before: Judgement | None, *, may_go_back: bool) -> Judgement | None:
        """Wait for an answer, and a comment where one is asked for; None where the rater goes back."""
        show_question(self.console, dimension, before)
        read = self.keyboard.line if needs_enter(dimension) else self.keyboard.key
        while True:
            pressed = read()
            if pressed == "q":
                raise EOFError
            if pressed == "u" and may_go_back:
                return None
            if pressed == "" and before is not None:
                value = before.value
                break
            if is_answer(dimension, pressed):
                keys = answer_keys(dimension)
                value = keys[pressed][0] if pressed in keys else _typed_number(dimension, pressed)
                break
            first = "This is as far back as it goes. " if pressed == "u" else ""
            print_line(self.console, f"{first}Press {key_help(dimension, before)}.")
        if dimension.comment is None:
            return Judgement(value)
        return Judgement(value, self.write(dimension.comment, before.comment if before else None))


def is_answer(dimension: Dimension, pressed: str) -> bool:
    """Return whether what was pressed or typed is an answer to a question."""
    return pressed in answer_keys(dimension) or _typed_number(dimension, pressed) is not None


def _typed_number(dimension: Dimension, typed: str) -> float | None:
    return None if dimension.scale.number_range is None else dimension.scale.parse(typed)
