"""Define the two families of errors: a user's mistake, and (everything else) our bug.

::

    RaterError                 someone's input or state; no traceback; exit code 2; a 4xx page
    ├── TableError             a table that cannot be read: ratings, a pilot, completions from a file
    ├── StudyError             a study file that cannot be run
    ├── StateError             a study that is not in a state for what was asked
    │   ├── ClosedError        … because it takes no answers now
    │   ├── FullError          … because every booklet is assigned
    │   ├── BusyNetworkError   … because its network has begun as many booklets today as it may
    │   ├── ExcludedError      … because it excludes the participants of a study that they took part in
    │   └── NotGeneratedError  … because the sealed database has no study of that name
    ├── DatabaseError          a database that is missing, of another revision, or unreachable
    │   └── MissingSealedError … and it is the sealed one
    ├── ModelError             a model, tokenizer or hook point that is missing or does not fit
    │   └── UnknownArgumentError   … or an argument that a function of the steering library does not have
    └── SealError              a key that is not the one that was committed to

A message has three parts: the thing with its place, the value that came, and what would be valid or what
to do next. No message that the web process can raise names an arm, a steering text or a coefficient.
"""

import difflib
from collections.abc import Iterable

_MAX_NAME = 80
_MAX_LIST = 700
"""Characters of a name, and of a list of names, in a message."""


class RaterError(Exception):
    """Someone's input or the state of a study is not what was needed; the message explains what would be."""


class TableError(RaterError):
    """A table of data cannot be read as it is."""


class StudyError(RaterError):
    """A study file cannot be run."""


class StateError(RaterError):
    """A study is not in a state for what was asked of it."""


class ClosedError(StateError):
    """A study takes no answers now."""


class FullError(StateError):
    """A study has no booklet left to assign."""


class BusyNetworkError(StateError):
    """A network has begun as many of a study's booklets as it may within a day."""


class ExcludedError(StateError):
    """A study excludes the participants of another one, and this person took part in that one."""


class NotGeneratedError(StateError):
    """The sealed database has no study of that name."""


class DatabaseError(RaterError):
    """A database is missing, of another revision, or cannot be reached."""


class MissingSealedError(DatabaseError):
    """The sealed database does not exist."""


class ModelError(RaterError):
    """A model, tokenizer or hook point is missing or does not fit what was asked."""


class UnknownArgumentError(ModelError, TypeError):
    """A function was given an argument that it does not have."""


class SealError(RaterError):
    """The key in the sealed database is not the one that was committed to at publication."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Suggest the valid names for a misspelt one: ``" Did you mean 'x'?"``, or the list of them."""
    names = sorted(valid)
    in_other_case = [other for other in names if other.casefold() == name.casefold()]
    match = in_other_case or difflib.get_close_matches(name, names, n=1)
    if match:
        return f" Did you mean {match[0]!r}?"
    return f" Valid: {listed(names)}."


def listed(names: Iterable[str]) -> str:
    """List names with commas, long names and long lists shortened."""
    shown, length, all_names = [], 0, list(names)
    for name in all_names:
        short = name if len(name) <= _MAX_NAME else f"{name[: _MAX_NAME - 1]}…"
        length += len(short) + 2
        if length > _MAX_LIST:
            break
        shown.append(short)
    more = len(all_names) - len(shown)
    return (", ".join(shown) or "none") + (f" and {more:,} more" if more else "")
