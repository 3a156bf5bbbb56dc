"""Lists of names: parse and format them as command-line options, and find names that nearly agree."""

import csv
import io
import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress

from rater.errors import RaterError, listed, nearest
from rater.names import normalise_name

_FINAL_ZEROS = re.compile(r"(?<=\d)\.0+$")
_LEADING_ZEROS = re.compile(r"(?<![\d.,])0+(?=\d)")
# Cyrillic and Greek letters, dashes and quotes, by the Latin characters they look like.
_LOOKALIKES = str.maketrans(
    "АВЕКМНОРСТУХІЈЅаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧο‐‑‒–—−’‘“”´`",  # noqa: RUF001
    "ABEKMHOPCTYXIJSaeopcyxijsABEZHIKMNOPTYXo------''\"\"''",
)


def _plain_characters(name: str) -> str:
    plain = unicodedata.normalize("NFKC", name).translate(_LOOKALIKES)
    return plain.strip("'\"") or plain


# Functions that remove a kind of difference, in the order in which they are applied.
_DIFFERENCES: dict[str, Callable[[str], str]] = {
    "look-alike characters": _plain_characters,
    "letter case": str.casefold,
    "leading zeros": lambda name: _LEADING_ZEROS.sub("", name),
    "a final .0": lambda name: _FINAL_ZEROS.sub("", name),
}


def similar_names(names: Iterable[str]) -> list[tuple[tuple[str, ...], str]]:
    """Group different names whose differences are easily overlooked, and describe the difference.

    These are letter case, leading zeros, a final ``.0``, and characters that look alike: quotes around a
    name, kinds of dashes, wide letters, Cyrillic or Greek letters among Latin ones.
    """
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(_simplify(name), []).append(name)
    return [(tuple(group), _difference(group)) for group in groups.values() if len(group) > 1]


def _simplify(name: str, *, but: str = "") -> str:
    for difference, remove in _DIFFERENCES.items():
        name = name if difference == but else remove(name)
    return name


def _difference(group: Sequence[str]) -> str:
    """Name the kinds of difference in a group; all of them where no single one explains it."""
    kinds = [each for each in _DIFFERENCES if len({_simplify(name, but=each) for name in group}) > 1]
    return " and ".join(kinds or _DIFFERENCES)


def split_names(text: str) -> list[str]:
    """Split a list of names at its commas; a name with a comma is in double quotes, as in CSV.

    Raises:
        RaterError: If a quote is not closed, or a name is empty.
    """
    try:
        (fields,) = csv.reader([text], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        msg = f'{text!r} is not a list; separate names by commas, and quote those with a comma: "a, b",c'
        raise RaterError(msg) from error
    names = [normalise_name(field) for field in fields]
    if not names or not all(names):
        msg = f"{text!r} has an empty name; separate names by single commas"
        raise RaterError(msg)
    return names


def join_names(names: Iterable[str]) -> str:
    """Format names as a list that `split_names` parses."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(list(names))
    return written.getvalue()


def shell_argument(names: Iterable[str]) -> str:
    """Format names as the value of a command-line option, quoted for the shell if needed."""
    return shlex.quote(join_names(names))


def choose_arms(
    given: Sequence[str], valid: Iterable[str], *, lack: str = "has no answers"
) -> tuple[str, str]:
    """Return the two arms given with ``--contrast``: two names, or one list of them.

    A list is split at a comma outside quotes if both sides are valid names, so that names with commas need no
    quotes as long as the list can be read in only one way.

    Raises:
        RaterError: If they are not two different valid names, or the list can be read in several ways.
    """
    known = {normalise_name(name): name for name in valid}
    if len(given) == 2:
        pairs = [(normalise_name(given[0]), normalise_name(given[1]))]
    elif len(given) == 1:
        pairs = _splits(given[0])
    else:
        msg = f"--contrast names {len(given)} arms; valid: two"
        raise RaterError(msg)
    fitting = [pair for pair in pairs if set(pair) <= set(known)]
    if len(fitting) > 1:
        msg = (
            f"--contrast {given[0]!r} can be read in several ways; quote the names: {join_names(fitting[0])}"
        )
        raise RaterError(msg)
    if not fitting:
        raise RaterError(_why_no_pair(given, pairs, known, lack))
    first, second = fitting[0]
    return known[first], known[second]


def _splits(text: str) -> list[tuple[str, str]]:
    """List the ways to read a text as two names."""
    pairs = []
    with suppress(RaterError):
        pairs = [tuple(split_names(text))]
    parts = text.split(",")
    with suppress(csv.Error, ValueError):
        (parts,) = csv.reader([text], strict=True)
    pairs += [
        (normalise_name(",".join(parts[:cut])), normalise_name(",".join(parts[cut:])))
        for cut in range(1, len(parts))
    ]
    return [(pair[0], pair[1]) for pair in dict.fromkeys(pairs) if len(pair) == 2 and pair[0] != pair[1]]


def _why_no_pair(
    given: Sequence[str], pairs: Sequence[tuple[str, str]], known: Mapping[str, str], lack: str
) -> str:
    absent = [name for name in (pairs[0] if len(pairs) == 1 else ()) if name not in known]
    if absent:
        return f"--contrast names the arm {absent[0]!r}, which {lack}.{nearest(absent[0], known)}"
    example = f", such as --contrast {shell_argument(list(known)[:2])}" if len(known) > 1 else ""
    return (
        f"--contrast is {', '.join(given)!r}; valid: two different arms{example}. The arms: {listed(known)}."
    )
