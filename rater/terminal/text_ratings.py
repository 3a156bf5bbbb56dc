"""Rate the texts of a file in the terminal, one question for each, with the answers in a CSV file.

Nothing here knows an arm: texts come without them, and the file of answers has none.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

from filelock import FileLock, Timeout
from rich.console import Console

from rater.errors import StateError, TableError
from rater.store.rating.trials import Judgement
from rater.study.dimension import Dimension
from rater.tables import Dialect, read_table
from rater.tables.table import SourceTable
from rater.tables.write import csv_lines, restore_table
from rater.temp_files import why_unwritable, write_whole
from rater.terminal.console import Keyboard, Prompter, print_line, show_progress, show_texts

COLUMNS = (
    "rater", "position", "item", "prompt", "text", "question", "scale", "answer", "cannot_judge", "shown_ms",
    "answered_at",
)  # fmt: skip
"""The columns of a file of answers."""
_LOCK_TIMEOUT_S = 30


class TextToRate(NamedTuple):
    """A text as a rater sees it."""

    item: str
    """Id of the text."""
    prompt: str
    """The prompt before it, shown in bold; empty for none."""
    text: str


@dataclass(frozen=True, kw_only=True)
class TextAnswer:
    """One rater's answer about one text."""

    rater: str
    position: int
    """Position of the text in the order shown to the rater, from 1."""
    item: str
    prompt: str
    text: str
    question: str
    scale: str
    answer: float | None
    """None if the rater could not judge the text."""
    shown_ms: int
    answered_at: str

    @property
    def row(self) -> tuple[object, ...]:
        """The values of `COLUMNS`."""
        values = {**vars(self), "cannot_judge": "yes" if self.answer is None else "no"}
        return tuple(values[name] for name in COLUMNS)


@dataclass(frozen=True)
class AnswersFile:
    """The answers of all raters to one question about the texts of one file.

    Each answer is written before the next text is shown: the file is replaced as a whole, under a lock that
    raters who write at the same time wait for.
    """

    path: Path
    dimension: Dimension
    texts: Mapping[str, TextToRate]
    """The texts by id."""

    @property
    def _lock(self) -> Path:
        return self.path.with_name(f".{self.path.name}.lock")

    def require_writable(self) -> None:
        """Require that the file can be written.

        Raises:
            StateError: it cannot.
        """
        why = why_unwritable(self.path)
        if why is not None:
            msg = f"The answers cannot be written to {self.path}: {why}; choose another file with --out."
            raise StateError(msg)

    def read(self) -> list[TextAnswer]:
        """Return the answers so far; none where there is no file.

        Raises:
            TableError: the file is not one of answers to this question about these texts; with the line.
        """
        if not self.path.exists():
            return []
        table = restore_table(read_table(self.path, Dialect(skips_blanks=False)))
        missing = [name for name in COLUMNS if name not in table.columns]
        if missing:
            msg = (
                f"{self.path} has no column {missing[0]!r}, so it is not a file of answers of `rater rate "
                "--from`; choose another file with --out."
            )
            raise TableError(msg)
        return [self._answer(table, row) for row in range(len(table))]

    def save(self, answer: TextAnswer) -> None:
        """Write an answer; it replaces the rater's earlier answer about the text.

        Raises:
            StateError: the file cannot be written, or another rater keeps it locked.
        """
        try:
            with FileLock(self._lock, timeout=_LOCK_TIMEOUT_S):
                key = (answer.rater, answer.item)
                kept = [each for each in self.read() if (each.rater, each.item) != key]
                rows = [each.row for each in [*kept, answer]]
                write_whole(self.path, "".join(csv_lines(COLUMNS, rows)).encode())
        except Timeout as error:
            msg = f"{self.path} is locked by another process; remove {self._lock} if none is running."
            raise StateError(msg) from error
        except OSError as error:
            msg = f"The answer cannot be written to {self.path}: {error.strerror}. It is not saved."
            raise StateError(msg) from error

    def _answer(self, table: SourceTable, row: int) -> TextAnswer:
        cells = {name: str(table.columns[name][row] or "") for name in COLUMNS}
        text = self.texts.get(cells["item"])
        where = table.where(row)
        if text is None or (text.prompt, text.text) != (cells["prompt"], cells["text"]):
            msg = (
                f"{where} has an answer about the text {cells['item']!r}, which is not in the file of texts "
                "as it was rated; give the file that was rated, or another file of answers with --out."
            )
            raise TableError(msg)
        asked = {"question": self.dimension.question, "scale": self.dimension.scale.describe()}
        for name, now in asked.items():
            if cells[name] != now:
                msg = (
                    f"{where} has the {name} {cells[name]!r}, but these texts are rated with {now!r}; "
                    "one file has one question: choose another file with --out."
                )
                raise TableError(msg)
        value = None if cells["cannot_judge"] == "yes" else _number(cells["answer"])
        numbers = [_number(cells[name]) for name in ("position", "shown_ms")]
        if None in numbers or (cells["cannot_judge"] != "yes" and not self._is_valid(value)):
            valid = self.dimension.scale.describe_values()
            msg = f"{where} has the answer {cells['answer']!r}; valid: {valid}, and whole numbers as times."
            raise TableError(msg)
        return TextAnswer(
            rater=cells["rater"],
            position=int(numbers[0] or 0),
            item=cells["item"],
            prompt=cells["prompt"],
            text=cells["text"],
            question=cells["question"],
            scale=cells["scale"],
            answer=value,
            shown_ms=int(numbers[1] or 0),
            answered_at=cells["answered_at"],
        )

    def _is_valid(self, value: float | None) -> bool:
        return value is not None and self.dimension.scale.is_valid(value)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


@dataclass(frozen=True)
class TextRater:
    """One rater's session with the texts of a file."""

    file: AnswersFile
    rater: str
    asking: Prompter
    now: Callable[[], datetime]
    clock: Callable[[], float]

    def rate(self, waiting: Sequence[TextToRate], given: Sequence[TextAnswer]) -> None:
        """Ask about each waiting text, back and forth, and save each answer at once.

        Raises:
            EOFError: the rater quits.
        """
        texts = [self.file.texts[each.item] for each in given] + list(waiting)
        answers = {each.item: each for each in given}
        at = len(given)
        while at < len(texts):
            answer = self._ask(texts[at], answers.get(texts[at].item), position=at + 1, n=len(texts))
            if answer is None:
                at -= 1
                continue
            self.file.save(answer)
            answers[answer.item] = answer
            at += 1

    def _ask(
        self, text: TextToRate, before: TextAnswer | None, *, position: int, n: int
    ) -> TextAnswer | None:
        console = self.asking.console
        dimension = self.file.dimension
        show_progress(console, position, n)
        show_texts(console, text.prompt, [text.text])
        shown = self.clock()
        earlier = {} if before is None else {dimension.name: Judgement(before.answer)}
        judged = self.asking.judge([dimension], earlier, may_go_back=position > 1)
        if judged is None:
            return None
        value = judged[dimension.name].value
        shown_ms = round((self.clock() - shown) * 1000)
        if before is not None and value == before.answer:
            return before
        return TextAnswer(
            rater=self.rater,
            position=position,
            item=text.item,
            prompt=text.prompt,
            text=text.text,
            question=dimension.question,
            scale=dimension.scale.describe(),
            answer=value,
            shown_ms=shown_ms,
            answered_at=self.now().isoformat(timespec="seconds"),
        )


def rate_texts_in_terminal(
    file: AnswersFile,
    rater: str,
    *,
    console: Console,
    keyboard: Keyboard,
    now: Callable[[], datetime],
    order: Random,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Let a rater answer a question about each text of a file, from where they stopped.

    Texts come in a random order, drawn anew for each rater. Leaving (``q``, Ctrl-C, or the end of the input)
    is not an error: a line reports what is saved.

    Args:
        file: The file of answers, with the question and the texts.
        rater: Name of the rater in the file.
        console: The screen.
        keyboard: The rater's keys.
        now: The time in UTC.
        order: The random numbers that shuffle the texts.
        clock: Counts seconds and never goes back.

    Returns:
        True if the rater has answered about every text.

    Raises:
        TableError: the file has other answers.
        StateError: it cannot be written.
    """
    file.require_writable()
    given = sorted((each for each in file.read() if each.rater == rater), key=lambda answer: answer.position)
    answered = {each.item for each in given}
    waiting = [text for text in file.texts.values() if text.item not in answered]
    if not waiting:
        return True
    order.shuffle(waiting)
    session = TextRater(file, rater, Prompter(console, keyboard), now, clock)
    renumbered = [replace(each, position=at) for at, each in enumerate(given, start=1)]
    try:
        session.rate(waiting, renumbered)
    except (EOFError, KeyboardInterrupt):
        n = sum(each.rater == rater for each in file.read())
        saved = f"{n} of {len(file.texts)} answers of {rater} are saved in {file.path}."
        print_line(console, f"\n{saved} Run the same command to continue.")
        return False
    return True
