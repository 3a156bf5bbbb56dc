"""Lists of names: read and write them as typed after an option, and find those that nearly agree."""

import csv
import io
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Literal

from rater.errors import RaterError, listed, nearest
from rater.names import normalise_name

Difference = Literal["letter case", "a final .0", "letter case and a final .0"]

_FINAL_ZEROS = re.compile(r"(?<=\d)\.0+$")


def similar_names(names: Iterable[str]) -> list[tuple[tuple[str, ...], Difference]]:
    """Group different names that differ in letter case or in a final ``.0`` only, in their order."""
    groups: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        groups.setdefault(_FINAL_ZEROS.sub("", name).casefold(), []).append(name)
    return [(tuple(group), _difference(group)) for group in groups.values() if len(group) > 1]


def _difference(group: Sequence[str]) -> Difference:
    in_case = len({_FINAL_ZEROS.sub("", name) for name in group}) > 1
    in_zeros = len({name.casefold() for name in group}) > 1
    if in_case and in_zeros:
        return "letter case and a final .0"
    return "letter case" if in_case else "a final .0"


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
    """Write names as a list that `split_names` reads."""
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(list(names))
    return written.getvalue()


def shell_argument(names: Iterable[str]) -> str:
    """Write names as a list to type after an option, quoted for the shell where that is needed."""
    return shlex.quote(join_names(names))


def choose_arms(
    given: Sequence[str], valid: Iterable[str], *, lack: str = "has no answers"
) -> tuple[str, str]:
    """Choose the two arms that were typed after ``--contrast``: two names, or one list of them.

    A list is split at a comma outside quotes, where both sides are valid names; so names that have commas
    themselves need no quotes as long as there is one way to read the list.

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
