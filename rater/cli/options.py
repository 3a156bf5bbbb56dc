"""Options that several commands share: which databases, and which study."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from rater.errors import RaterError
from rater.workspace.databases import DEFAULT_FOLDER, as_url, databases_in

Command = TypeVar("Command", bound=Callable[..., Any])

USER_MISTAKE = 2
"""Exit status after a mistake of the user."""
DEFAULTS = databases_in(DEFAULT_FOLDER)


def command_name() -> str:
    """Say how the command is called from here: by its name, or by its path where that is not enough."""
    if shutil.which("rater"):
        return "rater"
    return os.path.relpath(sys.argv[0]) if Path(sys.argv[0]).name == "rater" else "python -m rater"


class DatabaseUrl(click.ParamType[str]):
    """A database URL, or the path of an SQLite file."""

    name = "url"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002 (click's interface)
        """Turn a bare path into an SQLite URL."""
        return as_url(value)


class StudyName(click.ParamType[str]):
    """The name of a generated or published study."""

    name = "study"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Refuse a file where a name is meant."""
        if value.endswith(".py") or "/" in value:
            self.fail(
                f"{value!r} is a file; this command takes a study's name, such as love_vs_hate.", param, ctx
            )
        return value


class OutputFile(click.ParamType[Path]):
    """A file to write, which is refused at once, before any work, where it cannot be written.

    Args:
        ends: how its name must end, where that says what is written.
        is_new: whether a file that is there already is refused instead of replaced.
    """

    name = "file"

    def __init__(self, *ends: str, is_new: bool = False) -> None:
        self._ends, self._is_new = ends, is_new

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002 (click's interface)
        """Refuse another ending, and what cannot be written, in one line as everything else that is refused.

        Raises:
            RaterError: with the option, the path, and why.
        """
        from rater.report.folder import why_unwritable

        path = Path(value)
        option = "The file" if param is None else _as_typed(param)
        if self._ends and path.suffix not in self._ends:
            msg = f"{option} is {path}; valid: a file ending in {' or '.join(self._ends)}."
            raise RaterError(msg)
        if self._is_new and os.path.lexists(path):
            msg = f"{option} is {path}, which is there already and is never overwritten; name another file."
            raise RaterError(msg)
        why = why_unwritable(path)
        if why is not None:
            msg = f"{option} is {path}, which cannot be written: {why}; name a file in a folder of yours."
            raise RaterError(msg)
        return path


def _as_typed(param: click.Parameter) -> str:
    """Name an option or argument as it is typed: ``--json``, ``FILE``."""
    if isinstance(param, click.Option):
        return param.opts[0]
    return param.make_metavar(click.get_current_context())


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
        help="The rating database: what raters see and answer.",
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
        help="The sealed database: which arm made what.",
    )(command)


def study_argument(command: Command) -> Command:
    """Add the argument STUDY, a study's name."""
    return click.argument("study_name", metavar="STUDY", type=StudyName())(command)
