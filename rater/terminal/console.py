"""Terminal input and output: single keys, texts shown safely, and questions on any scale."""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_lowercase, ascii_uppercase
from typing import TextIO

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rater.rendering.shown import visible_context, visible_text, visible_whole
from rater.sanitize import sanitize_for_display
from rater.store.rating.trials import Judgement
from rater.study.dimension import MAX_ANSWER_COMMENT, OUR_CONFIDENCE, Dimension
from rater.study.fields import PROMPT, Fields, ShownField
from rater.study.protocol import Protocol
from rater.study.questionnaire import MAX_TEXT, Given, Question, QuestionKind

_ESCAPE = "\x1b"
# The code of an arrow key or a function key may arrive in pieces over a slow connection. After this pause the
# rest has arrived, and is dropped with everything else that was typed before the next question.
_SEQUENCE_GAP_S = 0.05


class Keyboard:
    """A rater's keys, in lower case; Enter is the empty string.

    Input that was typed before a question was shown is dropped, since it cannot be an answer to it.

    Attributes:
        stream: Standard input; or, where no terminal is needed, any stream of lines.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def key(self) -> str:
        """Wait for one key; without a terminal, for one line.

        An arrow key or a function key is returned as the first character of its code, never a valid answer.

        Raises:
            EOFError: the input has ended.
            KeyboardInterrupt: Ctrl-C was pressed.
        """
        if not self._stream.isatty():
            return self.line()
        pressed = click.getchar()  # drops what was typed before
        if pressed == _ESCAPE:
            time.sleep(_SEQUENCE_GAP_S)
        if not pressed:
            raise EOFError
        return "" if pressed[0] in "\r\n" else pressed[0].lower()

    def line(self) -> str:
        """Wait for one line, in lower case and without the spaces around it.

        Raises:
            EOFError: the input has ended.
        """
        return self.text().lower()

    def text(self) -> str:
        """Wait for one line as it was written, without the spaces around it.

        Raises:
            EOFError: the input has ended.
        """
        if self._stream.isatty():
            _drop_typed_ahead(self._stream)
        line = self._stream.readline()
        if not line:
            raise EOFError
        return line.strip()


def _drop_typed_ahead(stream: TextIO) -> None:
    """Drop the keys that a terminal has received but nobody has read; click has no function for it."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 (Windows only)

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios  # noqa: PLC0415 (POSIX only)

        termios.tcflush(stream.fileno(), termios.TCIFLUSH)


NOT_APPLICABLE = "n"
"""The key for "not applicable"."""
_WIDTH = 76  # characters; a longer line is hard to read
_MAX_KEYS = 9


def show_page(console: Console, title: str, markdown: str) -> None:
    """Clear the screen and show one of the study's texts."""
    console.clear()
    console.print(Text(sanitize_for_display(title), style="bold"), width=_width(console))
    console.print()
    show_markdown(console, markdown)


def show_markdown(console: Console, markdown: str) -> None:
    """Show one of the study's texts below what is there."""
    # hyperlinks would put escape sequences of the study's own making into the output
    console.print(Markdown(sanitize_for_display(markdown), hyperlinks=False), width=_width(console))
    console.print()


def show_progress(console: Console, position: int, n_trials: int) -> None:
    """Clear the screen and show how far the rater is."""
    console.clear()
    progress = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=n_trials, completed=position - 1, width=24)
    progress.add_row(bar, Text(f"{position} of {n_trials}"))
    console.print(progress)
    console.print()


def show_fields(console: Console, shown: Sequence[ShownField], fields: Fields) -> None:
    """Show the fields of a text that raters see, each with its label."""
    for each in shown:
        label, value = sanitize_for_display(each.label), sanitize_for_display(fields[each.name])
        prompt = sanitize_for_display(fields[PROMPT])
        line = Text.assemble((f"{label}  ", "dim"), value)
        if each.is_text:
            line = Text.assemble((f"{label}\n", "dim"), (prompt, "bold"), value, "\n")
        console.print(line, width=_width(console))
    if shown:
        console.print()


def show_texts(
    console: Console, prompt: str, texts: Sequence[str], *, protocol: Protocol | None = None
) -> None:
    """Show the prompt in bold, followed by its completion; several one after the other, named A, B, …

    A conversation is shown turn by turn, with roles, and Markdown as plain text. What the texts share is
    shown once, and folded reasoning is left out.
    """
    if protocol is not None and protocol.has_blocks and protocol.rated != "conversation":
        before = sanitize_for_display(visible_context(protocol, prompt))
        console.print(Text(before, style="bold" if protocol.rated is None else "dim"), width=_width(console))
        console.print()
    for place, text in enumerate(texts):
        if len(texts) > 1:
            console.print(Text(ascii_uppercase[place], style="bold reverse"))
        console.print(_as_shown(protocol, prompt, text), width=_width(console))
        console.print()


def _as_shown(protocol: Protocol | None, prompt: str, text: str) -> Text:
    if protocol is None or not protocol.has_blocks:
        seen = text if protocol is None else visible_text(protocol, text)
        return Text.assemble((sanitize_for_display(prompt), "bold"), sanitize_for_display(seen))
    if protocol.rated == "conversation":
        return Text(sanitize_for_display(visible_whole(protocol, prompt, text)))
    role = "" if protocol.rated is None else "Assistant (to be rated):\n"
    seen = visible_text(protocol, text) or "(This text is empty.)"
    return Text.assemble((role, "bold"), sanitize_for_display(seen))


def show_question(console: Console, dimension: Dimension, before: Judgement | None) -> None:
    """Show a question, its possible answers and the keys; mark the answer before."""
    console.print(Text(sanitize_for_display(dimension.question)), width=_width(console))
    rows = Table.grid(padding=(0, 2))
    for key, (_, label) in answer_keys(dimension).items():
        mark = Text(" (your answer)" if before and key == named(dimension, before) else "", style="dim")
        rows.add_row(Text(f"{key:>4}", style="bold"), Text(sanitize_for_display(label)) + mark)
    if (numbers := dimension.scale.number_range) is not None:
        for value, label in ((numbers.minimum, numbers.low), (numbers.maximum, numbers.high)):
            if label:
                rows.add_row(Text(f"{value:>4g}", style="bold"), Text(sanitize_for_display(label)))
    for rank, label in enumerate(dimension.scale.ranks, start=1):
        rows.add_row(Text(f"letter {rank}", style="bold"), Text(sanitize_for_display(label)))
    console.print(rows, width=_width(console))
    console.print(Text(key_help(dimension, before), style="dim"), width=_width(console))


def answer_keys(dimension: Dimension) -> Mapping[str, tuple[float | None, str]]:
    """Return the answer and label of each key; empty for a number to type."""
    keys: dict[str, tuple[float | None, str]] = {
        choice.key: (
            choice.value,
            # the number of a point below 0 is not its key
            choice.numbered_label
            if dimension.scale.widget == "points" and dimension.scale.lowest < 0
            else choice.label,
        )
        for choice in dimension.scale.choices
    }
    if dimension.cannot_judge:
        keys["x"] = (None, "I cannot judge this")
    if dimension.not_applicable:
        own = dimension.not_applicable
        keys[NOT_APPLICABLE] = (None, own if isinstance(own, str) else "Not applicable")
    return keys


def needs_enter(dimension: Dimension) -> bool:
    """Return whether an answer can take more than one key."""
    return not dimension.scale.choices or len(dimension.scale.choices) > _MAX_KEYS


def key_help(dimension: Dimension, before: Judgement | None) -> str:
    """Return a line that explains the keys."""
    keys = [choice.key for choice in dimension.scale.choices]
    if dimension.scale.ranks:
        valid = (
            f"{len(dimension.scale.ranks)} letters in this order, such as {_example(dimension)}, and Enter"
        )
    elif (numbers := dimension.scale.number_range) is not None:
        unit = f" {numbers.unit}" if numbers.unit else ""
        steps = "" if numbers.step == 1 else f" in steps of {numbers.step:g}"
        valid = f"{numbers.minimum:g}–{numbers.maximum:g}{unit}{steps} and Enter"
    elif not keys[0].isdecimal():
        valid = ", ".join(keys)
    else:
        valid = f"{keys[0]}–{keys[-1]}" + (" and Enter" if needs_enter(dimension) else "")
    cannot = " · x cannot judge" if dimension.cannot_judge else ""
    applies_not = f" · {NOT_APPLICABLE} not applicable" if dimension.not_applicable else ""
    keep = "" if before is None else f" · Enter keeps {named(dimension, before)}"
    return f"{sanitize_for_display(valid)} to answer{cannot}{applies_not}{keep} · u back · q quit"


def _example(dimension: Dimension) -> str:
    """Return the letters of an answer that puts texts in order."""
    letters = ascii_lowercase[: dimension.scale.n_texts]
    return "".join(letters[int(digit) - 1] for digit in f"{dimension.scale.highest:.0f}")


def named(dimension: Dimension, judgement: Judgement) -> str:
    """Name an answer by the key it was given with."""
    value = judgement.value
    if judgement.not_applicable:
        return NOT_APPLICABLE
    if dimension.scale.ranks and value is not None:
        return dimension.scale.name_value(value)
    return next(
        (key for key, (meant, _) in answer_keys(dimension).items() if meant == value),
        "" if value is None else f"{value:g}",
    )


def print_line(console: Console, text: str) -> None:
    """Print a line without interpreting markup."""
    console.print(Text(sanitize_for_display(text)), width=_width(console))


def _width(console: Console) -> int:
    return min(console.width, _WIDTH)


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
            earlier = answers.get(dimension.name)
            judgement = self._ask(dimension, earlier, may_go_back=may_go_back or asked > 0)
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

    def ask_about_rater(self, question: Question) -> Given | None:
        """Ask a question about the rater; None if they decline.

        Raises:
            EOFError: the rater quits.
        """
        if question.kind == "choice":
            index = self.choose(question.question, (*question.options, PREFER_NOT))
            return question.options[index] if index < len(question.options) else None
        print_line(self.console, question.question)
        if question.kind == "choices":
            for number, option in enumerate(question.options, start=1):
                print_line(self.console, f"{number:>4}  {option}")
        read = self.keyboard.text if question.kind == "text" else self.keyboard.line
        hint = _HINTS[question.kind].format(question=question, most=MAX_TEXT)
        print_line(self.console, f"{hint}, or - for “{PREFER_NOT}”:")
        while (typed := read().strip()) != "-":
            if typed == "q" and question.kind != "text":
                raise EOFError
            given = _several(question, typed) if question.kind == "choices" else question.parse_typed(typed)
            if given is not None:
                return given
            print_line(self.console, f"{hint}, or - for “{PREFER_NOT}”.")
        return None

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
                judgement = Judgement(before.value, not_applicable=before.not_applicable)
                break
            if is_answer(dimension, pressed):
                keys = answer_keys(dimension)
                value = keys[pressed][0] if pressed in keys else _typed_number(dimension, pressed)
                judgement = Judgement(value, not_applicable=value is None and pressed == NOT_APPLICABLE)
                break
            first = "This is as far back as it goes. " if pressed == "u" else ""
            print_line(self.console, f"{first}Press {key_help(dimension, before)}.")
        if judgement.value is not None and dimension.confidence:
            earlier = before.confidence if before else None
            judgement = replace(judgement, confidence=self._ask_confidence(dimension, earlier))
        if dimension.comment is None:
            return judgement
        comment = self.write(dimension.comment, before.comment if before else None)
        return replace(judgement, comment=comment)

    def _ask_confidence(self, dimension: Dimension, before: int | None) -> int | None:
        """Ask how sure the rater is, from 1; None, or the earlier answer, if they press Enter."""
        question = dimension.confidence
        print_line(
            self.console, question if isinstance(question, str) else "How sure are you of this answer?"
        )
        labels = dimension.confidence_labels or OUR_CONFIDENCE
        for point, label in enumerate(labels, start=1):
            print_line(self.console, f"{point:>4}  {label}" + " (your answer)" * (point == before))
        hint = f"1–{len(labels)}, or Enter to {'keep it' if before else 'continue without'} · q quit"
        print_line(self.console, hint)
        while (pressed := self.keyboard.key()) not in {"", *map(str, range(1, len(labels) + 1))}:
            if pressed == "q":
                raise EOFError
            print_line(self.console, f"Press {hint}.")
        return int(pressed) if pressed else before


PREFER_NOT = "I prefer not to say"
_HINTS: dict[QuestionKind, str] = {
    "choices": "Type the numbers of all that apply, such as 1 3",
    "number": "Type a number from {question.minimum:g} to {question.maximum:g}",
    "text": "Write at most {most} characters",
}


def _several(question: Question, typed: str) -> tuple[str, ...] | None:
    """Return the options whose numbers were typed; None if these are not numbers of options."""
    valid = {str(number): option for number, option in enumerate(question.options, start=1)}
    numbers = typed.replace(",", " ").split()
    if not numbers or not valid.keys() >= set(numbers):
        return None
    return tuple(option for number, option in valid.items() if number in numbers)


def is_answer(dimension: Dimension, pressed: str) -> bool:
    """Return whether what was pressed or typed is an answer to a question."""
    return pressed in answer_keys(dimension) or _typed_number(dimension, pressed) is not None


def _typed_number(dimension: Dimension, typed: str) -> float | None:
    return None if dimension.scale.choices else dimension.scale.parse(typed)
