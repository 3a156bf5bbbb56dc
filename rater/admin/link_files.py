"""Write personal links to files in two steps, so that a killed process leaves no dead or lost links.

Before the links are committed, they are written down in one private file. After the commit the files that
were asked for are made from it, and it is removed. A run that is killed in between is finished by the same
command: the private file holds links that exist. Killed before the commit, it holds links that do not, and
is removed.
"""

import io
import json
import os
import re
from pathlib import Path

import segno

from rater.errors import RaterError
from rater.store.engine import OWNER_ONLY
from rater.tables.write import csv_lines

Links = list[tuple[str, str]]
"""Label and address of each link."""


class LinkFiles:
    """The files that links are written to: a table, a folder of QR codes, both or neither."""

    def __init__(self, csv_file: Path | None, qr_folder: Path | None) -> None:
        self._csv_file, self._qr_folder = csv_file, qr_folder
        first = csv_file or (None if qr_folder is None else qr_folder / "links")
        self._prepared = None if first is None else first.with_name(f".{first.name}.unfinished")

    def require_free(self) -> None:
        """Refuse a table that is there already.

        Raises:
            RaterError: it is.
        """
        if self._csv_file is not None and os.path.lexists(self._csv_file):
            msg = (
                f"--csv is {self._csv_file}, which exists already and is never overwritten; name another "
                "file."
            )
            raise RaterError(msg)

    def prepare(self, links: Links) -> None:
        """Write links to a private file before the commit; refuse files that could not be written afterwards.

        Raises:
            RaterError: a file is there already or cannot be written; no link was made.
        """
        if self._prepared is None:
            return
        try:
            if self._qr_folder is not None:
                self._qr_folder.mkdir(parents=True, exist_ok=True)
            _write_private(self._prepared, json.dumps(links).encode())
            for path in self._codes(links):
                if os.path.lexists(path):
                    raise FileExistsError(17, "File exists", str(path))
        except OSError as error:
            self.discard()
            msg = f"{error.filename} cannot be written: {error.strerror}. No link was made."
            raise RaterError(msg) from error

    def read_prepared(self) -> Links | None:
        """Read the links of an unfinished earlier run; None without one."""
        try:
            written = None if self._prepared is None else json.loads(self._prepared.read_bytes())
        except (OSError, ValueError):  # none, or cut off while it was written, and so before the commit
            return None
        return None if written is None else [(str(label), str(link)) for label, link in written]

    def finish(self, links: Links) -> None:
        """Write the requested files; the same command continues a run that is killed here.

        Raises:
            RaterError: one cannot be written.
        """
        if self._prepared is None:
            return
        try:
            if self._qr_folder is not None:
                for path, (_, link) in zip(self._codes(links), links, strict=True):
                    _write_private(path, _code_of(link))
            if self._csv_file is not None:
                lines = csv_lines(("label", "link"), links)
                _write_private(self._csv_file, "".join(lines).encode())
            self.discard()
        except OSError as error:
            msg = (
                f"{error.filename} cannot be written: {error.strerror}. The links are made, and "
                f"{self._prepared} has them. Make room, and run the same command again."
            )
            raise RaterError(msg) from error

    def discard(self) -> None:
        """Remove the private file."""
        if self._prepared is not None:
            self._prepared.unlink(missing_ok=True)

    def _codes(self, links: Links) -> list[Path]:
        if self._qr_folder is None:
            return []
        return [
            self._qr_folder / f"{number:03d}-{_in_file_name(label)}.png"
            for number, (label, _) in enumerate(links, start=1)
        ]


def _in_file_name(label: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")


def _code_of(link: str) -> bytes:
    picture = io.BytesIO()
    segno.make(link, error="m", micro=False).save(picture, kind="png", scale=8, border=4)
    return picture.getvalue()


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all: a link lets anyone in as its rater."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
