"""Read an archive into new databases; nothing of it is kept before every file's digest was checked.

Files of rows are read line by line, and written as they are read, so that an archive takes no more memory
than its longest line. Both databases are verified before the first is committed. The sealed one is committed
first: a kill in between leaves a pair without a published study, which the same command completes.
"""

import contextlib
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from sqlalchemy import Table, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from rater.admin.archive import (
    FORMAT,
    MANIFEST,
    PERSONAL,
    continue_numbering,
    insert_rows,
    rating_rows,
    sealed_rows,
)
from rater.errors import SealError, StateError
from rater.sanitize import sanitize_for_display
from rater.store.engine import disposing, writing
from rater.store.log import read_events
from rater.store.migrate import HEAD
from rater.store.rating.open import create_rating
from rater.store.rating.publication import get_unparsed_study
from rater.store.rating.schema import EventRow
from rater.store.sealed.open import create_sealed
from rater.study.declaration import Name
from rater.verify.checks import Check, report_unreadable
from rater.verify.rating import verify_rating
from rater.verify.sealed import verify_sealed

MAX_BYTES = 2 * 1024**3
"""The maximum total size of an unpacked archive."""
MAX_RATIO = 200
"""The maximum ratio of a file's size to its packed size; rows of a study have 5 to 40."""
MAX_FILES = 10_000
_MAX_LINE_BYTES = 64 * 1024**2
_MAX_MANIFEST_BYTES = 16 * 1024**2
_SMALL_BYTES = 1024**2
"""A file of up to this size may have any ratio."""
_CHUNK = 1024**2
_ENCRYPTED = 0x1
"""The flag of an encrypted file in a zip."""
_BATCH = 1_000

_NO_ZIP = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError, OSError)
"""Exceptions raised for a damaged zip."""
_NO_ROWS = (ValueError, KeyError, AttributeError, TypeError, OverflowError, RecursionError, SQLAlchemyError)
"""Exceptions raised for rows that do not fit their table."""


class Manifest(BaseModel):
    """The manifest of an archive."""

    model_config = ConfigDict(extra="forbid", strict=True)

    format: int
    study: str
    log_head: str
    revisions: dict[str, str]
    versions: dict[str, str]
    sha256: dict[str, str]


@dataclass(frozen=True)
class Imported:
    """A study that was read back."""

    name: str
    log_head: str
    checks: tuple[Check, ...]


class _Half(NamedTuple):
    """One of the two databases that an archive is read into."""

    which: str
    session: Session
    tables: Mapping[str, Table]
    is_there: bool
    """True if it contains the archived study already."""


def import_study(path: Path, *, rating_url: str, sealed_url: str) -> Imported:
    """Read an archive into databases without a study, and verify it there before the commit.

    Nothing is written to the disk but the databases' own rows: names in the archive are never paths here.
    A pair that holds this very study already is verified and left as it is; one that an import was killed on
    is completed.

    Raises:
        SealError: the archive was changed, or what is in it does not verify.
        StateError: it is not an archive of this version, or the databases hold another study.
    """
    with contextlib.ExitStack() as stack:
        archive = stack.enter_context(_opened(path))
        _require_bounded(path, archive)
        manifest = _read_manifest(path, archive)
        rating = stack.enter_context(disposing(create_rating(rating_url)))
        sealed = stack.enter_context(disposing(create_sealed(sealed_url)))
        session = stack.enter_context(writing(rating))
        sealed_session = stack.enter_context(writing(sealed))  # entered last, and so committed first
        tables = {name: own.table for name, own in rating_rows(0, with_identifiers=True).items()}
        sealed_tables = {name: own.table for name, own in sealed_rows(0).items()}
        halves = (
            _Half("rating", session, tables, _holds(session, "rating", manifest)),
            _Half("sealed", sealed_session, sealed_tables, _holds(sealed_session, "sealed", manifest)),
        )
        _read_in(path, archive, manifest, halves)
        checks = _verify(path, manifest, session, sealed_session)
    return Imported(manifest.study, manifest.log_head, checks)


def _verify(path: Path, manifest: Manifest, session: Session, sealed_session: Session) -> tuple[Check, ...]:
    # the digests would not cover a second study
    if any(each.scalar(text("SELECT count(*) FROM study")) != 1 for each in (session, sealed_session)):
        msg = f"{path} does not contain exactly one study."
        raise SealError(msg)
    row = get_unparsed_study(session, manifest.study)
    checks = (
        *report_unreadable(verify_rating(session, row, head=manifest.log_head)),
        *report_unreadable(verify_sealed(session, sealed_session, row)),
    )
    wrong = [check for check in checks if check.is_tampered]
    if wrong:
        description = sanitize_for_display(wrong[0].description)
        msg = f"{path} is refused: its {wrong[0].name} was tampered with. {description}"
        raise SealError(msg)
    return checks


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open a zip, and turn what a damaged one raises while it is read into an error without a traceback."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except _NO_ZIP as error:
        msg = f"{path} cannot be read as a zip: {error}. Valid: a file that rater archive wrote."
        raise StateError(msg) from error


def _read_manifest(path: Path, archive: zipfile.ZipFile) -> Manifest:
    try:
        with archive.open(MANIFEST) as stream:
            manifest = Manifest.model_validate_json(stream.read(_MAX_MANIFEST_BYTES))
        TypeAdapter(Name).validate_python(manifest.study)
    except (KeyError, ValidationError) as error:
        msg = f"{path} has no manifest that can be read. Valid: a file that rater archive wrote."
        raise StateError(msg) from error
    if manifest.format != FORMAT or manifest.revisions != HEAD:
        msg = (
            f"{path} was written by rater {sanitize_for_display(manifest.versions.get('rater', '?'))}, "
            "in another format than this version reads. Install that version."
        )
        raise StateError(msg)
    return manifest


def _holds(session: Session, which: str, manifest: Manifest) -> bool:
    """Return whether a database holds the archived study already: the import was killed, or is done.

    Raises:
        StateError: it holds another one, or this one with another log.
    """
    names = list(session.scalars(text("SELECT name FROM study")))
    if not names:
        return False
    is_it = names == [manifest.study]
    if is_it and which == "rating":
        events = read_events(session, EventRow, get_unparsed_study(session, manifest.study).id)
        is_it = bool(events) and events[-1].hash == manifest.log_head
    if not is_it:
        msg = (
            f"The {which} database contains a study already; an archive is read into new databases. "
            "Name new ones with --ratings and --sealed."
        )
        raise StateError(msg)
    return True


def _read_in(path: Path, archive: zipfile.ZipFile, manifest: Manifest, halves: tuple[_Half, _Half]) -> None:
    """Read every file once: check its digest, and insert its rows where they are missing.

    Raises:
        SealError: a file was changed, is missing, or is not in the manifest.
    """
    names = set(archive.namelist()) - {MANIFEST}
    for name in sorted(names ^ manifest.sha256.keys()):
        raise _changed(path, name)
    for half in halves:
        for table_name, table in half.tables.items():
            file = f"{half.which}/{table_name}.jsonl"
            if file in names:
                names.remove(file)
                _read_rows(path, archive, manifest, file=file, table=table, half=half)
            elif table_name not in PERSONAL:
                msg = f"The archive has no {file}."
                raise SealError(msg)
    for name in names:
        with archive.open(name) as stream:
            _HashedLines(stream).require(manifest, path, name)


def _read_rows(
    path: Path, archive: zipfile.ZipFile, manifest: Manifest, *, file: str, table: Table, half: _Half
) -> None:
    with archive.open(file) as stream:
        lines = _HashedLines(stream)
        if not half.is_there:
            _insert(half.session, table, file, lines)
        lines.require(manifest, path, file)


def _require_bounded(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse duplicate, encrypted, too many or too large files, which an archive of rater never has."""
    entries = archive.infolist()
    if len({entry.filename for entry in entries}) != len(entries):
        msg = f"{path} has a file twice, which an archive of rater never has."
        raise SealError(msg)
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        msg = f"{path} has encrypted files, which an archive of rater never has."
        raise SealError(msg)
    claimed = sum(entry.file_size for entry in entries)
    if claimed > MAX_BYTES or len(entries) > MAX_FILES:
        msg = (
            f"{path} would unpack to {len(entries):,} files of {claimed:,} bytes; valid: at most "
            f"{MAX_FILES:,} files of {MAX_BYTES:,} bytes together."
        )
        raise SealError(msg)
    for entry in entries:
        if entry.file_size > max(_SMALL_BYTES, MAX_RATIO * entry.compress_size):
            msg = (
                f"{path} is refused: {sanitize_for_display(entry.filename)} would unpack from "
                f"{entry.compress_size:,} to {entry.file_size:,} bytes; "
                f"valid: at most {MAX_RATIO} times its size."
            )
            raise SealError(msg)


class _HashedLines:
    """The lines of a stream, which is hashed as it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._found = stream, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while line := self._stream.readline(_MAX_LINE_BYTES):
            self._found.update(line)
            if len(line) == _MAX_LINE_BYTES:
                msg = f"a line has more than {_MAX_LINE_BYTES:,} bytes"
                raise ValueError(msg)
            yield line

    def require(self, manifest: Manifest, path: Path, name: str) -> None:
        """Hash what was not read, and refuse a file that is not the one in the manifest."""
        while chunk := self._stream.read(_CHUNK):
            self._found.update(chunk)
        if self._found.hexdigest() != manifest.sha256[name]:
            raise _changed(path, name)


def _changed(path: Path, name: str) -> SealError:
    return SealError(
        f"{path} was changed since it was written: {sanitize_for_display(name)} does "
        "not have the digest in its manifest."
    )


def _insert(session: Session, table: Table, file: str, lines: _HashedLines) -> None:
    """Insert a file's rows, a thousand at a time."""
    try:
        rows = map(json.loads, lines)
        while batch := list(islice(rows, _BATCH)):
            insert_rows(session, table, batch)
    except _NO_ROWS as error:
        # report a changed file as tampered, whatever its rows have become
        msg = f"The rows in {file} are not those of the table {table.name}."
        raise SealError(msg) from error
    continue_numbering(session, table)
