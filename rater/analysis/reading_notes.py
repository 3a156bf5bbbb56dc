"""Notes on how a table of ratings was read: rows left out, repeats, names merged, codes for no answer."""

from dataclasses import dataclass

import pandas as pd

from rater.analysis.sentences import counted

MAX_LISTED = 5
"""Names that a sentence lists before it counts the rest."""


@dataclass(frozen=True)
class MergedName:
    """A name that the table spells in several ways that look the same."""

    column: str
    name: str
    """The name as it is used."""
    spellings: tuple[str, ...]
    """The spellings in the table, with invisible characters escaped."""

    @property
    def message(self) -> str:
        """The merging as a sentence."""
        return (
            f"{len(self.spellings)} spellings of the {self.column} {self.name!r} look the same and were read "
            f"as one: {_listed(self.spellings)}."
        )


@dataclass(frozen=True)
class SimilarNames:
    """Names that may be one, but are kept apart because they are different letters."""

    column: str
    names: tuple[str, ...]
    difference: str

    @property
    def message(self) -> str:
        """The difference as a sentence."""
        names = " and ".join(repr(name) for name in self.names[:MAX_LISTED])
        return (
            f"The names {names} of {self.column} differ only in {self.difference} and were kept apart; if "
            "they mean the same, rename them in the table."
        )


@dataclass(frozen=True, kw_only=True)
class ReadingNotes:
    """The reader's account of one table; `rater.analysis.read` stores it as ``frame.attrs["reading"]``."""

    source: str = "the table"
    """The file's name, or "the table" for a DataFrame."""
    file_format: str = "data frame"
    """The format as it was recognised, such as "CSV separated by semicolons"."""
    n_rows: int = 0
    """Answers in the table, without the header; of a wide table, its rows times its columns of answers."""
    n_without_answer: int = 0
    """Rows left out because they have no answer."""
    n_not_judged: int = 0
    """Rows without an answer that are kept: the rater could not judge, or the question did not apply."""
    n_repeats: int = 0
    """Rows that the reader takes for repeats, because positions show that the rater had answered before."""
    missing: tuple[tuple[str, int], ...] = ()
    """Codes read as "no answer", as the table writes them, with the number of answers of each."""
    ignored_columns: tuple[str, ...] = ()
    """Columns at the end that are empty in every row, by name or as "column 7"."""
    n_header_rows: int = 0
    """Further rows of the header that were left out, as Qualtrics writes them."""
    has_row_names: bool = False
    """True if the header is one field shorter than the rows, whose first field was read as the row's name."""
    answer_columns: tuple[str, ...] = ()
    """Of a wide table, the columns that were read as answers."""
    labels: tuple[str, ...] = ()
    """The labels of the points 1, 2, …, where the caller gave them."""
    merged: tuple[MergedName, ...] = ()
    """Names whose spellings were taken for one."""
    similar: tuple[SimilarNames, ...] = ()
    """Names that differ in letter case or in a final .0 only, and were kept apart."""
    placeholders: tuple[tuple[str, str, int], ...] = ()
    """Columns, names such as NA that are usually no names, and numbers of their rows."""

    def __deepcopy__(self, memo: object) -> "ReadingNotes":
        """Return itself: pandas copies attributes deeply with every frame, and this one never changes."""
        return self

    @property
    def n_used(self) -> int:
        """Rows that became rows of the frame."""
        return self.n_rows - self.n_without_answer

    @property
    def messages(self) -> tuple[str, ...]:
        """Sentences about how the table was read; warnings are apart."""
        sentences = []
        if self.answer_columns:
            sentences.append(
                f"{len(self.answer_columns)} columns were read as answers: {_listed(self.answer_columns)}."
            )
        if self.has_row_names:
            sentences.append(
                "The header is one field shorter than the rows, so the first field of each row is its name."
            )
        if self.n_header_rows:
            sentences.append(f"{self.n_header_rows} rows below the header belong to it and were left out.")
        if self.ignored_columns:
            sentences.append(f"Ignored, because empty in every row: {_listed(self.ignored_columns)}.")
        if self.n_without_answer:
            codes = ", ".join(f"{n:,} × {code!r}" if code else f"{n:,} × empty" for code, n in self.missing)
            sentences.append(
                f"{self.n_without_answer:,} of {self.n_rows:,} rows have no answer and were left out"
                f"{f' ({codes})' if codes else ''}."
            )
        sentences += [each.message for each in self.merged[:MAX_LISTED]]
        if len(self.merged) > MAX_LISTED:
            sentences.append(f"{len(self.merged) - MAX_LISTED:,} more names were merged in the same way.")
        return tuple(sentences)

    @property
    def placeholder_warnings(self) -> tuple[str, ...]:
        """Sentences about names that are usually no names."""
        return tuple(
            f"{counted(n, 'row')} {'has' if n == 1 else 'have'} the {column} {name!r}, which was read as a "
            "name; if it is none, remove these rows."
            for column, name, n in self.placeholders
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about what may be a mistake in the table."""
        sentences = []
        if self.n_repeats:
            sentences.append(
                f"{self.n_repeats:,} of {self.n_used:,} answers are repeats: by their positions, their rater "
                "had answered about the same text before."
            )
        sentences += self.placeholder_warnings
        sentences += [each.message for each in self.similar[:MAX_LISTED]]
        if len(self.similar) > MAX_LISTED:
            sentences.append(f"{len(self.similar) - MAX_LISTED:,} more names differ in the same way.")
        return tuple(sentences)


def reading_of(frame: pd.DataFrame) -> ReadingNotes | None:
    """Return the notes of a frame that `rater.analysis.read` made; None for any other."""
    notes = frame.attrs.get("reading")
    return notes if isinstance(notes, ReadingNotes) else None


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:MAX_LISTED])
    return f"{shown} and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else shown
