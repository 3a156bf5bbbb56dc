"""Read the texts in a table's cells as values: numbers, answers with their labels, codes for "no answer"."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rater.errors import RaterError
from rater.names import normalise_name
from rater.tables.table import Decimal

EMPTY = frozenset(
    {"", "na", "n/a", "n.a.", "#n/a", "#na", "<na>", "nan", "nat", "null", "none", ".", "-", "–", "—"}
)
"""Spellings of "no value", in small letters."""
MAX_LABELS = 11
_SIGNS = str.maketrans({"−": "-", "\u2010": "-", "\u2011": "-"})
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_LABELLED = re.compile(
    r"\(?(?P<number>[+-]?\d+(?:[.,]\d+)?)\)?\s*(?:[-–—−:=.)]\s*|\s(?=\())(?P<label>\D*[^\W\d_]\D*)"
)
"""A number with its label after a dash, a colon, an equals sign, a full stop or a bracket."""


def is_empty(text: str) -> bool:
    """Return whether a text is a common spelling of "no value"."""
    return not text.isdigit() and normalise_name(text).casefold() in EMPTY


def parse_number(text: str, decimal: Decimal) -> float | None:
    """Return the number that a text is; None if it is not one, or not finite.

    Where the decimal sign is a comma, a point is taken as one too; digits are never grouped.
    """
    if text.isdigit() and text.isascii():  # as most are
        return float(text)
    plain = text.strip().translate(_SIGNS)
    if decimal == ",":
        if "," in plain and "." in plain:
            return None
        plain = plain.replace(",", ".")
    if _NUMBER.fullmatch(plain) is None:
        return None
    number = float(plain)
    return number if abs(number) < float("inf") else None


def check_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return labels as they are compared.

    Raises:
        RaterError: If there are not 2 to 11, or two are the same.
    """
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        msg = f"labels is {labels!r}; valid: a list of the scale's labels, from the lowest to the highest"
        raise RaterError(msg)
    names = tuple(map(normalise_name, labels))
    folded = [name.casefold() for name in names]
    twice = next((name for name in folded if folded.count(name) > 1), None)
    if twice is not None:
        msg = f"labels has {twice!r} twice; give every point its own label"
        raise RaterError(msg)
    if not 2 <= len(names) <= MAX_LABELS:
        msg = f"labels has {len(names)}; valid: 2 to {MAX_LABELS}, from the lowest to the highest"
        raise RaterError(msg)
    return names


@dataclass(frozen=True, kw_only=True)
class AnswerRules:
    """The notation of the answers in a table."""

    decimal: Decimal = "."
    labels: tuple[str, ...] = ()
    """Labels of the points 1, 2, …; answers may then be labels."""
    missing: tuple[str, ...] = ()
    """Further codes for "no answer": texts, or numbers however they are written."""
    points: Mapping[str, float] = field(init=False)
    codes: frozenset[str] = field(init=False)
    code_numbers: frozenset[float] = field(init=False)

    def __post_init__(self) -> None:
        points = {label.casefold(): float(point) for point, label in enumerate(self.labels, start=1)}
        codes = [normalise_name(code).casefold() for code in self.missing]
        numbers = [parse_number(code, self.decimal) for code in codes]
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "codes", frozenset(codes))
        object.__setattr__(self, "code_numbers", frozenset(n for n in numbers if n is not None))

    def is_missing(self, text: str) -> bool:
        """Return whether a text means that there is no answer."""
        folded = normalise_name(text).casefold()
        if folded in self.codes:
            return True
        if folded in self.points:
            return False
        return folded in EMPTY or parse_number(text, self.decimal) in self.code_numbers

    def parse(self, text: str) -> tuple[float, str] | None:
        """Return the answer and its label, empty where it has none; None if the text is not an answer."""
        name = normalise_name(text)
        if name.casefold() in self.points:
            return self.points[name.casefold()], ""
        number = parse_number(name, self.decimal)
        if number is not None:
            return number, ""
        labelled = _LABELLED.fullmatch(name)
        number = None if labelled is None else parse_number(labelled["number"], self.decimal)
        return None if labelled is None or number is None else (number, labelled["label"].strip(" )"))
