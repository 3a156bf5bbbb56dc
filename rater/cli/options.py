"""Options that several commands share: databases, study, and output files."""

import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rater.errors import RaterError, StudyError, nearest
from rater.temp_files import why_unwritable
from rater.workspace.databases import DEFAULT_FOLDER, as_url, databases_in

if TYPE_CHECKING:
    from rater.study.study import Study

Command = TypeVar("Command", bound=Callable[..., Any])

# Exit status after a mistake of the user.
USER_MISTAKE = 2
DEFAULTS = databases_in(DEFAULT_FOLDER)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_MIN_INTERVAL_S, _MAX_INTERVAL_S = 10.0, 366 * 86_400.0


def command_name() -> str:
    """Return the command as it can be typed here: its name, or its path if it is not in PATH."""
    if shutil.which("rater"):
        return "rater"
    return os.path.relpath(sys.argv[0]) if Path(sys.argv[0]).name == "rater" else "python -m rater"


class DatabaseUrl(click.ParamType[str]):
    """A database URL, or the path of an SQLite file."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 (click's interface)
        """Convert a path to an SQLite URL."""
        return as_url(value)


class StudyName(click.ParamType[str]):
    """The name of a generated or published study."""

    name = "study"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse a file name."""
        if value.endswith(".py") or "/" in value:
            self.fail(
                f"{value!r} is a file; this command takes the name of a study, such as love_vs_hate.",
                param,
                ctx,
            )
        return value


class Interval(click.ParamType[float]):
    """A length of time such as ``90s``, ``30m``, ``1h`` or ``1d``, in seconds."""

    name = "time"

    def convert(self, value: str | float, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds; refuse another form, less than ten seconds, or more than a year."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d{1,9})([smhd])", value)
        seconds = int(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not _MIN_INTERVAL_S <= seconds <= _MAX_INTERVAL_S:
            valid = "a number with s, m, h or d, such as 30m or 1h, from 10s to 366d"
            self.fail(f"{value!r} is not a length of time; valid: {valid}", param, ctx)
        return seconds


class OutputFile(click.ParamType[Path]):
    """An output file, refused before any work if it cannot be written.

    Args:
        ends: the valid endings of its name; without any, all are valid.
    """

    name = "file"

    def __init__(self, *ends: str) -> None:
        self._ends = ends

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002 (click's interface)
        """Refuse another ending, or a path that cannot be written.

        Raises:
            RaterError: names the option, the path, and the reason.
        """
        path = Path(value)
        option = "The file"
        if isinstance(param, click.Option):
            option = param.opts[0]
        elif param is not None:
            option = param.make_metavar(click.get_current_context())
        if self._ends and path.suffix not in self._ends:
            msg = f"{option} is {path}; valid: a file ending in {' or '.join(self._ends)}."
            raise RaterError(msg)
        why = why_unwritable(path)
        if why is not None:
            msg = f"{option} is {path}, which cannot be written: {why}; give a file in a writable folder."
            raise RaterError(msg)
        return path


def rating_option(command: Command) -> Command:
    """Add ``--ratings``, the rating database."""
    return click.option(
        "--ratings",
        "rating_url",
        type=DatabaseUrl(),
        default=DEFAULTS.rating_url,
        envvar="RATER_DATABASE",
        show_default=True,
        show_envvar=True,
        help="Rating database: texts without arms, and answers.",
    )(command)


def sealed_option(command: Command) -> Command:
    """Add ``--sealed``, the sealed database."""
    return click.option(
        "--sealed",
        "sealed_url",
        type=DatabaseUrl(),
        default=DEFAULTS.sealed_url,
        envvar="RATER_SEALED",
        show_default=True,
        show_envvar=True,
        help="Sealed database: completions with their arms.",
    )(command)


def study_argument(command: Command) -> Command:
    """Add the argument STUDY, the name of a study."""
    return click.argument("study_name", metavar="STUDY", type=StudyName())(command)


def concept_option(command: Command) -> Command:
    """Add ``--concept``, one of the concepts of a study that repeats its arms over many."""
    return click.option(
        "--concept", metavar="WORDS", help="Of a study with concepts: the one to use.  [default: the first]"
    )(command)


def require_one_reply(study: "Study", command: str) -> None:
    """Refuse a study whose completions have several generated turns, of which a command has only the first.

    Raises:
        StudyError: the study has such completions.
    """
    if study.n_replies > 1:
        msg = (
            f"rated is 'conversation', and each completion of {study.name} has up to {study.n_replies} "
            f"generated turns, but {command} generates one reply to each prompt. Use a copy of the study "
            "with rated='last_turn' and items in which the assistant's earlier turns are given"
        )
        raise StudyError(msg)


def number_of_concept(study: "Study", words: str | None) -> int:
    """Return the index of the concept with these words; 0 where none is named.

    Raises:
        StudyError: the study has no such concept.
    """
    known = [concept.words for concept in study.concepts]
    if words is None:
        return 0
    if words not in known:
        valid = nearest(words, known) if known else " The study has no concepts."
        msg = f"--concept is {words!r}, which is not a concept of {study.name}.{valid}"
        raise StudyError(msg)
    return known.index(words)
