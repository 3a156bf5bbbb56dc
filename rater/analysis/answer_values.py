"""Values of answers in a table's cells: numbers, labelled answers, and codes for missing answers.

A code is looked for only where nobody named the scale. It refuses the table where it is far from the other
answers, or is the only negative number; a 0 below a scale from 1 may be a point of it, and is a warning.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

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
        """Return whether a text means a missing answer."""
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


Floats = NDArray[np.float64]

NEGATIVE_CODES = frozenset({-1, -7, -8, -9, -66, -77, -88, -97, -98, -99, -777, -888, -998, -999, -9999})
POSITIVE_CODES = frozenset({9, 66, 77, 88, 96, 97, 98, 99, 777, 888, 997, 998, 999, 9998, 9999, 99999})
"""Numbers that surveys use for "no answer"; SPSS, REDCap, jsPsych and the ESS among them."""
MAX_CODE_SHARE = 0.5
MAX_RARE_SHARE = 0.1
"""A 0 that is at least this frequent is taken for a point of the scale."""
MAX_TYPO_SHARE = 0.05
MAX_CHOICE = 5
"""Degrees of preference that a choice between two texts can have before a code is suspected."""


FAR = "far from all other answers"


@dataclass(frozen=True)
class SuspectedCode:
    """Values that may be codes for "no answer"."""

    values: tuple[float, ...]
    n: int
    """The number of answers with one of them."""
    is_certain: bool
    """True if the table is refused; otherwise it is a warning."""
    why: str
    """The reason for the suspicion, to follow "5 of 128 answers are 99,"."""


def find_missing_codes(answers: Floats, *, is_pairwise: bool) -> SuspectedCode | None:
    """Find values that may be codes for "no answer" among the answers on one dimension; None if none are."""
    values, counts = np.unique(answers, return_counts=True)
    if values.size < 2:
        return None
    if is_pairwise:
        return _among_choices(values, counts)
    codes = _negative_codes(values, counts) or _rare_negatives(values, counts)
    rest = np.array([value for value in values if value not in codes])
    codes |= _positive_codes(rest)
    if codes and _count(values, counts, codes) <= MAX_CODE_SHARE * answers.size:
        only_negative = max(codes) < 0 <= min(value for value in values if value not in codes)
        why = "while no other answer is negative" if only_negative else FAR
        return _suspect(values, counts, codes, why, is_certain=True)
    typing_errors = _typing_errors(values, counts)
    if typing_errors:
        return _suspect(values, counts, typing_errors, FAR, is_certain=True)
    far = _far_numbers(values, counts)
    if far:
        why = "far from all other answers: it may be a typing error, or mean no answer"
        return _suspect(values, counts, far, why, is_certain=False)
    return _zero(values, counts)


def _suspect(
    values: Floats, counts: NDArray[np.intp], codes: set[float], why: str, *, is_certain: bool
) -> SuspectedCode:
    return SuspectedCode(tuple(sorted(codes)), _count(values, counts, codes), is_certain, why)


def _count(values: Floats, counts: NDArray[np.intp], codes: set[float]) -> int:
    return int(counts[np.isin(values, list(codes))].sum())


def _among_choices(values: Floats, counts: NDArray[np.intp]) -> SuspectedCode | None:
    """Take degrees of preference beyond `MAX_CHOICE` for codes, where there are small ones as well."""
    size = np.abs(values)
    codes = {float(value) for value in values[size > MAX_CHOICE] if abs(value) in POSITIVE_CODES | {7, 8, 66}}
    rest = size[[value not in codes for value in values]]
    if not codes or not rest.size or rest.max() > MAX_CHOICE:
        return None
    return _suspect(values, counts, codes, "while other choices are not so strong", is_certain=True)


def _negative_codes(values: Floats, counts: NDArray[np.intp]) -> set[float]:
    """Take all negative values for codes, if each is one and the other answers are not negative.

    −1 next to 0 and 1 alone is a scale of three points.
    """
    negative, rest = values[values < 0], values[values >= 0]
    if not negative.size or not rest.size:
        return set()
    if not {float(value) for value in negative} <= NEGATIVE_CODES:
        return _far_codes(values)
    is_three_points = set(negative) == {-1.0} and set(rest) <= {0.0, 1.0}
    is_frequent = counts[values < 0].sum() > MAX_CODE_SHARE * counts.sum()
    return set() if is_three_points or is_frequent else {float(value) for value in negative}


def _rare_negatives(values: Floats, counts: NDArray[np.intp]) -> set[float]:
    """Take rare negative values for codes below whole numbers from 1, or from 0 with a gap."""
    negative, rest = values[values < 0], values[values >= 0]
    if not negative.size or rest.size < 2 or (rest != np.rint(rest)).any():
        return set()
    is_apart = rest[0] >= 1 or (rest[0] == 0 and negative[-1] <= -2)
    is_rare = counts[values < 0].sum() <= MAX_RARE_SHARE * counts.sum()
    return {float(value) for value in negative} if is_apart and is_rare else set()


def _far_codes(values: Floats) -> set[float]:
    """Take negative codes below a scale that has negative answers of its own: −99 below −3 to 3."""
    rest = values
    codes = set()
    while rest.size > 2 and float(rest[0]) in NEGATIVE_CODES and _is_far(rest[1] - rest[0], rest[1:]):
        codes.add(float(rest[0]))
        rest = rest[1:]
    return codes


def _positive_codes(values: Floats) -> set[float]:
    """Take the highest values for codes, as far as they are some and far above the others."""
    codes: list[float] = []
    rest = values
    while rest.size > 1 and float(rest[-1]) in POSITIVE_CODES:
        codes.append(float(rest[-1]))
        rest = rest[:-1]
    if not rest.size:
        return set()
    # 9 is separate from a scale of up to 7 points
    is_short = rest.size > 1 and rest[-1] <= 7 and bool((rest == np.rint(rest)).all())
    return {code for code in codes if _is_far(code - rest[-1], rest) or (code == 9 and is_short)}


def _is_far(gap: float, rest: Floats) -> bool:
    return bool(gap > max(rest[-1] - rest[0], 1.0))


def _typing_errors(values: Floats, counts: NDArray[np.intp]) -> set[float]:
    """Take rare values for typing errors that are far above a scale of up to 11 points (44 among 1 to 5)."""
    for cut in range(max(values.size - 3, 2), values.size):
        rest, far = values[:cut], values[cut:]
        is_scale = bool((rest == np.rint(rest)).all()) and rest[0] >= 0 and rest[-1] <= 11
        is_rare = counts[cut:].sum() <= MAX_TYPO_SHARE * counts.sum()
        if is_scale and is_rare and far[0] > 11 and far[0] - rest[-1] > 2 * max(rest[-1] - rest[0], 1.0):
            return {float(value) for value in far}
    return set()


def _far_numbers(values: Floats, counts: NDArray[np.intp]) -> set[float]:
    """Take rare values that are far above a scale of many values: 1000 above 0 to 100."""
    rest, far = values[:-1], values[-1]
    is_rare = counts[-1] <= MAX_TYPO_SHARE * counts.sum()
    return {float(far)} if rest.size >= 8 and is_rare and far - rest[-1] > 3 * (rest[-1] - rest[0]) else set()


def _zero(values: Floats, counts: NDArray[np.intp]) -> SuspectedCode | None:
    """Warn of a rare 0 below a scale from 1, or far from the other answers."""
    if values[0] != 0 or values.size < 3 or counts[0] > MAX_RARE_SHARE * counts.sum():
        return None
    rest = values[1:]
    is_scale = bool((rest == np.rint(rest)).all()) and rest[0] == 1 and rest[-1] < 10
    if not is_scale and not _is_far(rest[0], rest):
        return None
    why = "which may be a point of the scale, or mean no answer"
    return _suspect(values, counts, {0.0}, why, is_certain=False)
