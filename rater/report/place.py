"""Say which place can be written: a file's, and a report's folder, empty or that of an earlier report."""

import os
from pathlib import Path

from rater.errors import RaterError
from rater.temp_files import temporary_folder

FILES = frozenset(
    {
        "report.html",
        "report.md",
        "results.json",
        "methods.md",
        "answers.csv",
        "answers.parquet",
        "answers.dictionary.json",
        "comments.csv",
        "texts.csv",
        "texts.dictionary.json",
    }
)
FIGURES = "figures"


def why_unwritable(path: Path) -> str | None:
    """Say why a file cannot be written, or return None; it is tried, since rights alone do not tell.

    A file that is there is opened and left as it is; for one that is not, an empty folder is made beside it
    and removed.
    """
    try:
        path = Path(os.path.realpath(path))
        if path.is_dir():
            return "it is a folder"
        if path.is_file():
            os.close(os.open(path, os.O_WRONLY))
        elif not path.exists():  # else a device or a pipe, which opens when it is written
            return _why_nothing_is_made_in(path.parent)
    except OSError as error:
        return error.strerror or str(error)
    return None


def _why_nothing_is_made_in(folder: Path) -> str | None:
    if not folder.is_dir():
        return f"there is no folder {folder}"
    try:
        with temporary_folder(".rater-probe-", parent=folder):
            pass
    except OSError as error:
        return f"nothing can be made in {folder} ({error.strerror})"
    return None


def require_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier report, before anything that cannot be undone.

    Raises:
        RaterError: It does, it is a file, its parent is not there, or nothing can be made in that.
    """
    if not folder.parent.is_dir():
        msg = f"The report's folder is {folder}, but there is no folder {folder.parent}; make that one first."
        raise RaterError(msg)
    if folder.is_dir():
        strange = sorted(path for path in folder.rglob("*") if not _is_ours(path, folder))
        if strange:
            msg = (
                f"The report's folder {folder} holds {strange[0].relative_to(folder)}, which is not a "
                "report's; name another folder, or an empty one."
            )
            raise RaterError(msg)
    elif folder.exists() or folder.is_symlink():
        msg = f"{folder} is no folder; name one for the report, such as report."
        raise RaterError(msg)
    why = _why_nothing_is_made_in(folder.resolve().parent)  # it is made beside its place, and then moved
    if why is not None:
        msg = f"The report's folder is {folder}, but {why}; name another place."
        raise RaterError(msg)


def _is_ours(path: Path, folder: Path) -> bool:
    place = path.relative_to(folder)
    if path.is_symlink():
        return False
    if len(place.parts) == 1:
        return path.name in FILES or (path.name == FIGURES and path.is_dir())
    return place.parts[0] == FIGURES and len(place.parts) == 2 and path.suffix in {".svg", ".png"}
