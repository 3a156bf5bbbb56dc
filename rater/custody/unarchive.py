"""Read an archive back into fresh databases, after every byte of it was held against its digests."""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import Table, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from rater.custody.archive import FORMAT, MANIFEST
from rater.custody.archived_rows import PERSONAL, rating_rows, sealed_rows
from rater.errors import SealError, StateError
from rater.store.engine import disposing, writing
from rater.store.migrate import HEAD
from rater.store.rating.as_published import get_study_row
from rater.store.rating.open import create_rating
from rater.store.rows import continue_numbering, insert_rows
from rater.store.sealed.open import create_sealed
from rater.verify.checks import Check, unless_unreadable
from rater.verify.rating import verify_rating
from rater.verify.sealed import verify_sealed

MOST_BYTES = 2 * 1024**3
"""More than this an archive may not unpack to: it would be no study but a trap."""

_NO_ZIP = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError)
"""What reading a damaged zip raises, beside what reading any file may."""
_NO_ROWS = (ValueError, KeyError, AttributeError, OverflowError, RecursionError, SQLAlchemyError)
"""What rows raise that are not those of their table."""


class Manifest(BaseModel):
    """What an archive says of itself."""

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


def import_study(path: Path, *, rating_url: str, sealed_url: str) -> Imported:
    """Read an archive into databases that hold no study yet, and verify it there before it stays.

    Nothing is written to the disk but the databases' own rows: names in the archive are never paths here.

    Raises:
        SealError: the archive was changed, or what is in it does not verify.
        StateError: it is no archive of this version, or the databases hold a study already.
    """
    manifest, files = read_archive(path)
    with ExitStack() as stack:
        rating = stack.enter_context(disposing(create_rating(rating_url)))
        sealed = stack.enter_context(disposing(create_sealed(sealed_url)))
        sealed_session = stack.enter_context(writing(sealed))
        session = stack.enter_context(writing(rating))
        tables = {name: own.table for name, own in rating_rows(0, with_identifiers=True).items()}
        _insert(session, "rating", tables, files)
        _insert(sealed_session, "sealed", {name: own.table for name, own in sealed_rows(0).items()}, files)
        _require_one_study(path, session, sealed_session)
        row = get_study_row(session, manifest.study)
        checks = (
            *unless_unreadable(verify_rating(session, row, head=manifest.log_head)),
            *unless_unreadable(verify_sealed(session, sealed_session, row)),
        )
        wrong = [check for check in checks if check.outcome == "altered"]
        if wrong:
            msg = f"{path} is refused: its {wrong[0].name} was altered. {wrong[0].says}"
            raise SealError(msg)
    return Imported(manifest.study, manifest.log_head, checks)


def read_archive(path: Path) -> tuple[Manifest, Mapping[str, bytes]]:
    """Read an archive's files, each held against its digest.

    Raises:
        SealError: one was changed, is missing, or is not in the manifest.
        StateError: it is no archive of this version.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            files = _read_files(path, archive)
    except (*_NO_ZIP, NotImplementedError, RuntimeError, OSError) as error:
        msg = f"{path} cannot be read as a zip: {error}. Valid: a file that rater archive wrote."
        raise StateError(msg) from error
    manifest = _read_manifest(path, files)
    for name in sorted({*files, *manifest.sha256} - {MANIFEST}):
        content = files.get(name)
        if content is None or hashlib.sha256(content).hexdigest() != manifest.sha256.get(name):
            msg = f"{path} was changed since it was written: {name} is not what its manifest says."
            raise SealError(msg)
    return manifest, files


def _read_files(path: Path, archive: zipfile.ZipFile) -> dict[str, bytes]:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(names) != len(set(names)):
        msg = f"{path} has a file twice, which no archive of ours does."
        raise SealError(msg)
    claimed = sum(entry.file_size for entry in entries)
    if claimed > MOST_BYTES:
        msg = f"{path} would unpack to {claimed:,} bytes; valid: at most {MOST_BYTES:,}."
        raise SealError(msg)
    files = {}
    for entry in entries:
        with archive.open(entry) as stream:
            # no more than claimed is read, whatever the compressed stream goes on to say
            files[entry.filename] = stream.read(entry.file_size)
    return files


def _read_manifest(path: Path, files: Mapping[str, bytes]) -> Manifest:
    try:
        manifest = Manifest.model_validate_json(files.get(MANIFEST, b""))
    except ValidationError as error:
        msg = f"{path} has no manifest that can be read. Valid: a file that rater archive wrote."
        raise StateError(msg) from error
    if manifest.format != FORMAT or manifest.revisions != HEAD:
        msg = (
            f"{path} was written by rater {manifest.versions.get('rater', '?')}, in another format than this "
            "version reads. Install that version."
        )
        raise StateError(msg)
    return manifest


def _require_one_study(path: Path, *sessions: Session) -> None:
    """Refuse an archive with a second study, which nothing in it would vouch for."""
    if any(session.scalar(text("SELECT count(*) FROM study")) != 1 for session in sessions):
        msg = f"{path} holds another number of studies than one, which no archive of ours does."
        raise SealError(msg)


def _insert(session: Session, which: str, tables: Mapping[str, Table], files: Mapping[str, bytes]) -> None:
    if session.scalar(select(func.count()).select_from(tables["study"])):
        msg = (
            f"The {which} database holds a study already; an archive is read into fresh databases. "
            "Name new ones with --ratings and --sealed."
        )
        raise StateError(msg)
    for name, table in tables.items():
        content = files.get(f"{which}/{name}.jsonl")
        if content is None and name != PERSONAL:
            msg = f"The archive has no {which}/{name}.jsonl."
            raise SealError(msg)
        try:
            insert_rows(session, table, [json.loads(line) for line in (content or b"").splitlines()])
        except _NO_ROWS as error:
            msg = f"The rows in {which}/{name}.jsonl are not those of the table {name}."
            raise SealError(msg) from error
        continue_numbering(session, table)
