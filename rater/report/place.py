"""Say which folder can become a report's: an empty one, or that of an earlier report."""

import os
from pathlib import Path

from rater.errors import RaterError

FILES = frozenset(
    {
        "report.html",
        "report.md",
        "results.json",
        "methods.md",
        "answers.csv",
        "answers.parquet",
        "answers.dictionary.json",
    }
)
FIGURES = "figures"


def require_folder(folder: Path) -> None:
    """Refuse a folder that holds anything but an earlier report, before anything that cannot be undone.

    Raises:
        RaterError: It does, it is a file, or its parent is not there.
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
    if not os.access(folder.parent, os.W_OK):
        msg = (
            f"The report's folder is {folder}, but {folder.parent} cannot be written to; name another place."
        )
        raise RaterError(msg)


def _is_ours(path: Path, folder: Path) -> bool:
    place = path.relative_to(folder)
    if path.is_symlink():
        return False
    if len(place.parts) == 1:
        return path.name in FILES or (path.name == FIGURES and path.is_dir())
    return place.parts[0] == FIGURES and len(place.parts) == 2 and path.suffix in {".svg", ".png"}
