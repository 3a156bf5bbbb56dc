"""Validate a tidy frame at the library's border and bring it into one form, whatever its columns' types.

Every analysis takes the form that `validate_frame` returns: names as text, answers as finite numbers, flags
as booleans, rows numbered from 0. Whatever cannot be brought into it is refused with a `RaterError` that
names the column, the row and the value.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.answer_scale import Judged, is_valid
from rater.errors import RaterError
from rater.names import normalise_name

NEEDED = ("rater", "item", "prompt", "arm", "dimension", "answer")
"""The columns an analysis reads; others (position, shown_ms, times) are carried along."""
# Squares of larger numbers are beyond what a computer can hold.
MAX_SIZE = 1e100
_SAME_NAMES = (
    ("rater",),
    ("prompt",),
    ("arm", "other_arm", "guess"),
    ("item", "other_item", "other_item_2"),
    ("dimension",),
    ("concept",),
    ("chosen", "target"),
)
"""Columns whose names are names of the same things."""


def validate_frame(
    frame: pd.DataFrame, *, needed: tuple[str, ...] = NEEDED, called: str = "The frame"
) -> pd.DataFrame:
    """Return the frame with its columns in their one form; the frame itself is left as it is.

    Args:
        frame: One row for each answer.
        needed: The columns that must be there.
        called: The frame's name in messages.

    Raises:
        RaterError: If it is not a frame, a column is missing or there twice, a name is missing, or a value is
            not of its column's kind.
    """
    _require_columns(frame, needed, called)
    # Columns that nobody reads may be there twice.
    frame = frame.loc[:, ~frame.columns.duplicated()].reset_index(drop=True)
    columns = {name: frame[name] for name in frame.columns} | {
        name: make(frame, name) for name, make in _COLUMNS.items() if name in frame.columns
    }
    validated = pd.DataFrame(_unite_spellings(columns), index=frame.index)
    validated.attrs = dict(frame.attrs)
    return validated


def _unite_spellings(columns: dict[str, pd.Series]) -> dict[str, pd.Series]:
    """Give names that look the same one spelling: the plainest that is there."""
    for group in _SAME_NAMES:
        given = [name for name in group if name in columns and columns[name].dtype == object]
        spellings: dict[str, list[str]] = {}
        for text in dict.fromkeys(text for name in given for text in columns[name].dropna().unique()):
            spellings.setdefault(normalise_name(text), []).append(text)
        renamed = {
            text: plain if plain in texts else texts[0]
            for plain, texts in spellings.items()
            if len(texts) > 1
            for text in texts
        }
        if renamed:
            columns |= {
                name: columns[name].map(lambda text, new=renamed: new.get(text, text)) for name in given
            }
    return columns


def flags(frame: pd.DataFrame, column: str) -> NDArray[np.bool_]:
    """Read a column of yes and no; all no where there is none.

    Raises:
        RaterError: If it holds anything else.
    """
    if column not in frame.columns:
        return np.zeros(len(frame), dtype=np.bool_)
    values = frame[column]
    if values.dtype == np.bool_:
        return values.to_numpy()
    numbers = bool | np.bool_ | int | float | np.number
    clear = [isinstance(value, numbers) and value in (0, 1) for value in values.tolist()]
    unclear = ~np.array(clear, dtype=np.bool_)
    if unclear.any():
        row = int(np.flatnonzero(unclear)[0])
        place = f"(rater {frame['rater'].iloc[row]})" if "rater" in frame.columns else f"in row {row + 1}"
        msg = f"{column} is {_shown(values.iloc[row])} {place}; valid: true or false"
        raise RaterError(msg)
    return np.array([bool(value) for value in values.tolist()], dtype=np.bool_)


def opted_out(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Mark the rows of raters who could not judge, or to whom the question did not apply.

    Raises:
        RaterError: If a mark is anything but yes or no.
    """
    return flags(frame, "cannot_judge") | flags(frame, "not_applicable")


def require_on_scale(frame: pd.DataFrame, dimension: Judged) -> None:
    """Refuse answers that are not on the scale of a dimension, and missing ones of raters who gave one.

    Raises:
        RaterError: If there are some.
    """
    answered = frame[~opted_out(frame)]
    rows = answered[answered["dimension"] == dimension.name]
    answers = rows["answer"].to_numpy(dtype=np.float64)
    valid = is_valid(answers, dimension)
    if not valid.all():
        row = int(np.flatnonzero(~valid)[0])
        answer = "missing" if np.isnan(answers[row]) else f"{answers[row]:g}"
        msg = (
            f"answer is {answer} (rater {rows['rater'].iloc[row]}, item {rows['item'].iloc[row]}), "
            f"but {dimension.name} is answered with {dimension.scale.describe_values()}."
        )
        raise RaterError(msg)


def _require_columns(frame: pd.DataFrame, needed: tuple[str, ...], called: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        msg = f"{called} is of type {type(frame).__name__}; give a pandas DataFrame."
        raise RaterError(msg)
    if isinstance(frame.columns, pd.MultiIndex):
        msg = (
            f"{called}'s columns have {frame.columns.nlevels} levels; give a frame with one level, "
            "such as frame.droplevel(0, axis=1)."
        )
        raise RaterError(msg)
    names = [str(name) for name in frame.columns]
    for name in dict.fromkeys((*needed, *_COLUMNS)):
        if names.count(name) > 1:
            msg = f"{called} has {names.count(name)} columns {name!r}; rename or remove all but one."
            raise RaterError(msg)
    missing = [name for name in needed if name not in names]
    if missing:
        msg = f"{called} has no column {missing[0]!r}; it needs {', '.join(needed)}."
        if missing[0] in frame.index.names:
            msg += f" {missing[0]!r} is in the index: call reset_index()."
        elif needed is NEEDED:
            msg += " rater.analysis.read makes such a frame from a table."
        raise RaterError(msg)


def _as_ids(frame: pd.DataFrame, column: str) -> pd.Series:
    """Take the names of raters, prompts or texts; whole numbers stay numbers, so that 10 comes after 2."""
    values = frame[column]
    if values.dtype.kind in "iu" and not values.isna().any():
        return values.astype(np.int64)
    return _as_names(frame, column)


def _as_names(frame: pd.DataFrame, column: str) -> pd.Series:
    """Write names as text: categories lose their order, and 1, 1.0 and "1" are one name.

    Raises:
        RaterError: If one is missing, empty, or a list or the like.
    """
    names = _as_optional_names(frame, column)
    missing = names.isna()
    if missing.any():
        row = int(np.flatnonzero(missing)[0])
        msg = (
            f"{column} is missing {_place(frame, row)} ({int(missing.sum())} such rows); every answer needs "
            "one. Name it, or remove these rows."
        )
        raise RaterError(msg)
    return names


def _as_optional_names(frame: pd.DataFrame, column: str) -> pd.Series:
    """Write names as text, None where there is none."""
    try:
        # Each different value is written once, so that a million rows cost no more than a few names.
        codes, values = pd.factorize(frame[column])
    except TypeError as error:  # lists and dictionaries
        row = next(i for i, value in enumerate(frame[column].tolist()) if type(value).__hash__ is None)
        raise RaterError(_not_a_name(frame, column, row)) from error
    names = [_name(value) for value in values.tolist()]
    if None in names:
        raise RaterError(_not_a_name(frame, column, int(np.flatnonzero(codes == names.index(None))[0])))
    # The last one is for code −1.
    return pd.Series(np.array([*names, None], dtype=object)[codes], index=frame.index, dtype=object)


def _name(value: object) -> str | None:
    """Write one name as text; None for what cannot be a name."""
    if isinstance(value, str):
        return value if normalise_name(value) else None
    if isinstance(value, float | np.floating):
        return str(int(value)) if np.isfinite(value) and value == int(value) else str(value)
    if isinstance(value, bool | int | np.integer | np.bool_):
        return str(value)
    return None if isinstance(value, bytes | tuple | frozenset) else str(value)


def _not_a_name(frame: pd.DataFrame, column: str, row: int) -> str:
    return (
        f"{column} is {_shown(frame[column].iloc[row])} {_place(frame, row)}; "
        "valid: a text that is not empty, or a number"
    )


def _as_side(frame: pd.DataFrame, column: str) -> pd.Series:
    """Read a flag that may be missing, since a row about one text has no left side."""
    values = frame[column]
    return values if values.isna().any() else pd.Series(flags(frame, column), index=frame.index)


def _as_flags(frame: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series(flags(frame, column), index=frame.index)


def _as_answers(frame: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series(as_numbers(frame, column), index=frame.index)


def _as_counts(frame: pd.DataFrame, column: str) -> pd.Series:
    """Check positions and times; whole numbers keep their type."""
    numbers = _as_answers(frame, column)
    return frame[column] if frame[column].dtype.kind in "fiu" else numbers


def as_numbers(frame: pd.DataFrame, column: str) -> NDArray[np.float64]:
    """Read a column of numbers; missing ones become NaN.

    Raises:
        RaterError: If it holds anything else, a text included, or a number that is not finite.
    """
    values = frame[column]
    if values.dtype.kind in "fiub":
        numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.abs(numbers) > MAX_SIZE
    else:
        read = [_number(value) for value in values.tolist()]
        numbers = np.array([np.nan if number is None else number for number in read], dtype=np.float64)
        wrong = np.array([number is None for number in read], dtype=np.bool_)
        wrong |= np.abs(numbers) > MAX_SIZE
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        what = f"{column} is {_shown(values.iloc[row])} {_place(frame, row)}"
        msg = f"{what}; it must be a finite number, at most 1e100"
        raise RaterError(msg)
    return numbers


def _number(value: object) -> float | None:
    """Read one number of a mixed column; NaN where it is missing, None where it is something else."""
    if value is None or value is pd.NA or value is pd.NaT:
        return float("nan")
    if isinstance(value, str | bytes | complex | np.complexfloating):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # Decimal, Fraction, numpy numbers; the rest raises
    except (TypeError, ValueError, OverflowError):
        return None


def _place(frame: pd.DataFrame, row: int) -> str:
    """Name a row by its rater and item, as far as it has them, else by its number from 1."""
    known = []
    for name in ("rater", "item"):
        if name in frame.columns:
            value = frame[name].iloc[row]
            if _name(value) is not None and not (isinstance(value, float) and np.isnan(value)):
                known.append(f"{name} {value}")
    return f"in row {row + 1} ({', '.join(known)})" if known else f"in row {row + 1}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}…"


_COLUMNS: dict[str, Callable[[pd.DataFrame, str], pd.Series]] = {
    "rater": _as_ids,
    "prompt": _as_ids,
    "item": _as_ids,
    "arm": _as_names,
    "dimension": _as_names,
    "concept": _as_names,
    "other_arm": _as_optional_names,
    "other_item": _as_optional_names,
    "other_item_2": _as_optional_names,
    "guess": _as_optional_names,
    "chosen": _as_optional_names,
    "target": _as_optional_names,
    "options": _as_optional_names,
    "is_repeat": _as_flags,
    "cannot_judge": _as_flags,
    "not_applicable": _as_flags,
    "confidence": _as_counts,
    "arm_is_left": _as_side,
    "answer": _as_answers,
    "position": _as_counts,
    "odd_place": _as_counts,
    "chosen_place": _as_counts,
    "shown_ms": _as_counts,
    "first_render_ms": _as_counts,
    "hidden_ms": _as_counts,
}
"""The conversion of each known column."""
