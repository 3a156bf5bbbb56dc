"""Turn a table of ratings into the tidy frame that every analysis takes, with notes on what was done."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.answer_values import EMPTY, AnswerRules, is_empty, parse_number
from rater.analysis.cell_scores import CONCEPT, name_prompts_by_concept
from rater.analysis.odd_trials import CHOSEN_PLACE, ODD_PLACE
from rater.analysis.reading_notes import MergedName, ReadingNotes, SimilarNames
from rater.errors import TableError, listed
from rater.name_lists import similar_names
from rater.names import normalise_name
from rater.tables import SourceTable
from rater.tables.table import cell_text

NUMBERS = (
    "position",
    "place",
    CHOSEN_PLACE,
    ODD_PLACE,
    "confidence",
    "shown_ms",
    "first_render_ms",
    "hidden_ms",
)
TEXTS = ("guess", "other_arm", "other_item", "other_item_2", "trial", "chosen", "target", "options", CONCEPT)
FLAGS = ("is_repeat", "cannot_judge", "not_applicable", "arm_is_left")
"""Columns that are read under these names where they are there: numbers, names, and yes or no."""
OPT_OUTS = ("cannot_judge", "not_applicable")
"""Flags of rows that have no answer, because the rater gave none on purpose."""
REPEAT_KEY = ("rater", "prompt", "arm", "item", "other_arm", "other_item", "trial", "dimension")
"""Answers that agree in all of these are repeats: items may be numbered within prompt and arm."""
_NAMED = ("rater", "prompt", "arm", "item", "dimension")
_MATCHING = {"arm": ("arm", "other_arm", "guess"), "item": ("item", "other_item")}
"""Columns whose names are the same things."""
_YES_OR_NO = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")
_PLACEHOLDERS = EMPTY - {"", ".", "-", "–", "—"}


class _Cells(NamedTuple):
    """A column as texts, each different one once."""

    codes: NDArray[np.intp]
    texts: list[str]

    def where(self, is_chosen: Sequence[bool]) -> NDArray[np.bool_]:
        """Return the rows whose text is chosen."""
        return np.asarray(is_chosen, dtype=np.bool_)[self.codes]


class TidyFrame:
    """The steps from a table to a frame, with the notes that they leave."""

    def __init__(self, table: SourceTable, wanted: Mapping[str, str], rules: AnswerRules) -> None:
        self._table, self._wanted, self._rules = table, wanted, rules
        self._kept: NDArray[np.intp] = np.arange(len(table))
        self._merged: list[MergedName] = []

    def frame(self, *, drop_empty: bool) -> pd.DataFrame:
        """Return the tidy frame, with its notes.

        Raises:
            TableError: If a row lacks something that it needs, or has what cannot be read.
        """
        answer = self._wanted["answer"]
        cells = self._cells(answer)
        is_missing = cells.where([self._rules.is_missing(text) for text in cells.texts])
        left_out = is_missing
        for flag in OPT_OUTS:
            if flag in self._table.columns:
                left_out = left_out & ~self._flags(flag)
        if left_out.any() and not drop_empty:
            self._refuse_empty(answer, left_out, cells)
        self._kept = np.flatnonzero(~left_out)
        columns: dict[str, object] = {
            name: self._names(name, column) for name, column in self._wanted.items() if name != "answer"
        }
        columns["answer"] = self._answers(cells, is_missing)[self._kept]
        frame = pd.DataFrame(columns)
        if "item" not in columns:
            frame["item"] = frame["prompt"] + " · " + frame["arm"]
        if "dimension" not in columns:
            frame["dimension"] = answer
        self._carry_along(frame)
        frame = name_prompts_by_concept(frame)
        n_repeats = 0
        if "item" in columns and "position" in frame.columns and "is_repeat" not in frame.columns:
            in_order = frame.sort_values("position", kind="stable")
            again = in_order.duplicated([name for name in REPEAT_KEY if name in frame])
            frame["is_repeat"] = again.reindex(frame.index).to_numpy(dtype=np.bool_)
            n_repeats = int(frame["is_repeat"].sum())
        frame.attrs["reading"] = self._notes(frame, cells, left_out, n_repeats=n_repeats)
        return frame

    def _cells(self, column: str) -> _Cells:
        """Return a column's cells as texts.

        Raises:
            TableError: If a cell is a list or an object.
        """
        values = pd.Series(list(self._table.columns[column]), dtype=object).to_numpy()
        try:
            codes, distinct = pd.factorize(values, use_na_sentinel=False)
        except TypeError:  # of lists, which have no hash
            codes, distinct = np.arange(len(values)), values
        texts = [value if isinstance(value, str) else cell_text(value) for value in distinct]
        if None in texts:
            row = int(np.flatnonzero(np.asarray([text is None for text in texts])[codes])[0])
            value = repr(self._table.columns[column][row])
            msg = f"{column} is {value[:60]} in {self._table.place(row)}; it must be a single value"
            raise TableError(msg)
        return _Cells(codes, [text for text in texts if text is not None])

    def _refuse_empty(self, answer: str, left_out: NDArray[np.bool_], cells: _Cells) -> None:
        row = int(np.flatnonzero(left_out)[0])
        text = cells.texts[cells.codes[row]].strip()
        msg = (
            f"{answer} is {repr(text) if text else 'empty'} in {self._table.place(row)} "
            f"({int(left_out.sum()):,} such in all); remove rows without an answer, or have them left out: "
            "drop_empty=True, or --drop-empty"
        )
        raise TableError(msg)

    def _answers(self, cells: _Cells, is_missing: NDArray[np.bool_]) -> NDArray[np.float64]:
        parsed = [None if self._rules.is_missing(text) else self._rules.parse(text) for text in cells.texts]
        numbers = np.asarray([np.nan if each is None else each[0] for each in parsed], dtype=np.float64)
        wrong = cells.where([each is None for each in parsed]) & ~is_missing
        if wrong.any():
            self._refuse_number(self._wanted["answer"], cells, int(np.flatnonzero(wrong)[0]))
        labels: dict[float, str] = {}
        for number, label in filter(None, parsed):
            if label and labels.setdefault(number, label).casefold() != label.casefold():
                msg = (
                    f"{self._wanted['answer']} has {number:g} with two labels, {labels[number]!r} and "
                    f"{label!r}; give each point one label"
                )
                raise TableError(msg)
        self._require_one_number(labels)
        self._require_one_decimal(self._wanted["answer"], cells)
        self._refuse_thousands(cells)
        return numbers[cells.codes]

    def _require_one_number(self, labels: Mapping[float, str]) -> None:
        numbers: dict[str, float] = {}
        for number, label in labels.items():
            other = numbers.setdefault(label.casefold(), number)
            if other != number:
                msg = (
                    f"{self._wanted['answer']} has the label {label!r} for {other:g} and for {number:g}; "
                    "give each point one label"
                )
                raise TableError(msg)

    def _refuse_thousands(self, cells: _Cells) -> None:
        """Refuse answers whose points may be between thousands."""
        if self._table.is_delimited and _may_be_thousands(cells.texts, self._table.decimal):
            example = next(text for text in cells.texts if "." in text)
            msg = (
                f"{self._wanted['answer']} is {example!r} and the like, always with three digits after the "
                "point, among whole numbers or where the decimal sign is a comma; if the point separates "
                "thousands, remove it, and else write decimals with one sign and another number of digits"
            )
            raise TableError(msg)

    def _numbers(self, column: str, cells: _Cells) -> NDArray[np.float64]:
        parsed = [parse_number(text, self._table.decimal) for text in cells.texts]
        wrong = cells.where(
            [n is None and not is_empty(text) for n, text in zip(parsed, cells.texts, strict=True)]
        )[self._kept]
        if wrong.any():
            self._refuse_number(column, cells, int(self._kept[np.flatnonzero(wrong)[0]]))
        self._require_one_decimal(column, cells)
        numbers = np.asarray([np.nan if n is None else n for n in parsed], dtype=np.float64)
        return numbers[cells.codes][self._kept]

    def _require_one_decimal(self, column: str, cells: _Cells) -> None:
        """Refuse points among decimal commas: they may be between thousands."""
        if self._table.decimal != "," or self._rules.labels:
            return
        signs = {sign for text in cells.texts for sign in ",." if sign in text and text.strip() != sign}
        if signs == {",", "."}:
            examples = [next(text for text in cells.texts if sign in text) for sign in ",."]
            msg = f"{column} has both {examples[0]!r} and {examples[1]!r}; write all decimals with one sign"
            raise TableError(msg)

    def _refuse_number(self, column: str, cells: _Cells, row: int) -> None:
        text = cells.texts[cells.codes[row]].strip()
        msg = f"{column} is {text[:80]!r} in {self._table.place(row)}; it must be a number"
        is_answer = column == self._wanted["answer"]
        is_choice = is_answer and "other_arm" in self._table.columns
        if parse_number(text, ",") is not None:
            msg += "; if the comma is its decimal sign, give --decimal , (decimal=',')"
        elif is_choice and not self._rules.labels:
            msg += (
                ": 1 for the text of the column arm, -1 for that of other_arm, 0 for neither; for a code "
                "of no answer: --missing CODE (missing=[…])"
            )
        elif is_answer and self._rules.labels:
            msg += f", or one of the labels {listed(self._rules.labels)}"
        elif is_answer and self._table.cells:
            msg += (
                "; if the column has no answers, name those that have: --answer-columns (answer_columns=[…])"
            )
        elif is_answer and any(map(str.isalpha, text)):
            msg += (
                "; for labels give the scale's, from the lowest: --labels 'disagree,neither,agree' "
                "(labels=[…]); for another code of no answer: --missing CODE (missing=[…])"
            )
        raise TableError(msg)

    def _names(self, name: str, column: str) -> NDArray[np.object_]:
        """Return a column of names that every row must have."""
        names = self._normalised(name, self._cells(column))
        empty = names[self._kept] == ""
        if empty.any():
            row = int(self._kept[np.flatnonzero(empty)[0]])
            msg = f"{column} is empty in {self._table.place(row)}; every row needs one"
            raise TableError(msg)
        return names[self._kept]

    def _normalised(self, name: str, cells: _Cells) -> NDArray[np.object_]:
        names = [normalise_name(text) for text in cells.texts]
        spellings: dict[str, list[str]] = {}
        for text, normalised in zip(cells.texts, names, strict=True):
            spellings.setdefault(normalised, []).append(text)
        self._merged += [
            MergedName(name, normalised, tuple(map(ascii, dict.fromkeys(texts))))
            for normalised, texts in spellings.items()
            if len(set(texts)) > 1 and normalised
        ]
        return np.asarray(names, dtype=object)[cells.codes]

    def _flags(self, column: str) -> NDArray[np.bool_]:
        """Read yes and no as files write them; an empty cell is no."""
        cells = self._cells(column)
        folded = [normalise_name(text).casefold() for text in cells.texts]
        values = [_YES_OR_NO.get("" if text in EMPTY else text) for text in folded]
        wrong = cells.where([value is None for value in values])
        wrong = wrong[self._kept] if wrong.any() else wrong[:0]
        if wrong.any():
            row = int(self._kept[np.flatnonzero(wrong)[0]])
            text = cells.texts[cells.codes[row]]
            msg = f"{column} is {text[:80]!r} in {self._table.place(row)}; it must be true or false"
            raise TableError(msg)
        return cells.where([bool(value) for value in values])

    def _carry_along(self, frame: pd.DataFrame) -> None:
        """Add the columns that are read under their own names, where they have values."""
        for column in (*NUMBERS, *TEXTS, *FLAGS):
            if column not in self._table.columns or column in self._wanted.values():
                continue
            cells = self._cells(column)
            has_value = cells.where([not is_empty(text) for text in cells.texts])
            if not has_value[self._kept].any():
                continue
            if column in FLAGS:
                frame[column] = self._flags(column)[self._kept]
            elif column in NUMBERS:
                frame[column] = self._numbers(column, cells)
            elif column == CONCEPT:
                frame[column] = self._names(column, column)
            else:
                names = self._normalised(column, cells)
                frame[column] = pd.Series(names).where(has_value, None).to_numpy()[self._kept]

    def _notes(
        self, frame: pd.DataFrame, cells: _Cells, left_out: NDArray[np.bool_], *, n_repeats: int
    ) -> ReadingNotes:
        counts = Counter(cells.codes[left_out].tolist())
        codes = Counter[str]()
        for code, n in counts.items():
            codes[cells.texts[code].strip()] += n
        table = self._table
        return ReadingNotes(
            source=table.source,
            file_format=table.file_format,
            n_rows=len(table),
            n_without_answer=int(left_out.sum()),
            n_not_judged=int(frame["answer"].isna().sum()),
            n_repeats=n_repeats,
            missing=tuple(sorted(codes.items(), key=lambda each: (-each[1], each[0]))),
            ignored_columns=table.ignored_columns,
            n_header_rows=table.n_header_rows,
            has_row_names=table.has_row_names,
            answer_columns=tuple(dict.fromkeys(table.cells)),
            labels=self._rules.labels,
            merged=tuple(self._merged),
            similar=_similar(frame, [name for name in _NAMED if name in self._wanted]),
            placeholders=_placeholders(frame),
        )


def _may_be_thousands(texts: Sequence[str], decimal: str) -> bool:
    """Return whether points in numbers may separate thousands: 1.234 among 999 or among decimal commas."""
    numbers = [text.strip() for text in texts if parse_number(text, ".") is not None]
    pointed = [text for text in numbers if "." in text]
    if not pointed or not all(map(_THOUSANDS.fullmatch, pointed)):
        return False
    return decimal == "," or any(len(text.lstrip("+-")) == 3 for text in numbers if "." not in text)


def _placeholders(frame: pd.DataFrame) -> tuple[tuple[str, str, int], ...]:
    """Count names that are usually no names, such as NA."""
    counts = [
        (column, str(name), int(n))
        for column in ("rater", "prompt", "arm")
        for name, n in frame[column].value_counts().items()
        if str(name).casefold() in _PLACEHOLDERS
    ]
    return tuple(counts)


def _similar(frame: pd.DataFrame, column_names: Sequence[str]) -> tuple[SimilarNames, ...]:
    """Find names that nearly agree in the columns that were given; other names are made of these."""
    similar = []
    for name in column_names:
        columns = [column for column in _MATCHING.get(name, (name,)) if column in frame.columns]
        names = pd.unique(pd.concat([frame[column].dropna() for column in columns]))
        similar += [SimilarNames(name, group, difference) for group, difference in similar_names(names)]
    return tuple(similar)
