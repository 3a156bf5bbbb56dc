"""Write a study with everything needed to analyse it again into one zip archive."""

import hashlib
import json
import os
import platform
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Table, func, insert, select, text
from sqlalchemy.orm import Session

import rater
from rater.admin.register import read_registrable, write_registration
from rater.errors import DatabaseError, StateError
from rater.store.engine import OWNER_ONLY, UtcDateTime, disposing, reading, reraise_unusable_file, writing
from rater.store.log import read_events
from rater.store.migrate import HEAD
from rater.store.rating import schema as rating
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import PublishedStudy, get_study, move_study
from rater.store.sealed import schema as sealed
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import get_sealed_study
from rater.study.state import State
from rater.verify import require_untampered

ArchivedValue: TypeAlias = "str | int | float | bool | list[int] | dict[str, str] | None"
ArchivedRow: TypeAlias = dict[str, ArchivedValue]

_BATCH = 1_000


def read_rows(session: Session, table: Table, where: ColumnElement[bool]) -> Iterator[ArchivedRow]:
    """Read a table's rows in the order in which they are stored. Costs one query."""
    place = "ctid" if session.get_bind().dialect.name == "postgresql" else "rowid"
    query = select(table).where(where).order_by(text(f"{table.name}.{place}"))
    for row in session.execute(query.execution_options(yield_per=_BATCH)).mappings():
        yield {name: _written(value) for name, value in row.items()}


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that `read_rows` returned. Costs one insert per 1,000 rows."""
    for start in range(0, len(rows), _BATCH):
        session.execute(insert(table), [_read(table, row) for row in rows[start : start + _BATCH]])


def continue_numbering(session: Session, table: Table) -> None:
    """Set PostgreSQL's sequence after the highest inserted number, so that the next row gets a free one."""
    if session.get_bind().dialect.name != "postgresql" or table.autoincrement_column is None:
        return
    column = table.autoincrement_column
    sequence = func.pg_get_serial_sequence(table.name, column.name)
    session.execute(select(func.setval(sequence, select(func.max(column)).scalar_subquery())))


def _written(value: object) -> ArchivedValue:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    assert value is None or isinstance(value, str | int | float | bool | list | dict), value  # noqa: S101 (the schema's own types)
    return value


def _read(table: Table, row: Mapping[str, object]) -> dict[str, object]:
    return {
        name: datetime.fromisoformat(value)
        if isinstance(table.c[name].type, UtcDateTime) and isinstance(value, str)
        else value
        for name, value in row.items()
    }


# What these tables hold would let somebody continue as a rater or log in, is temporary, or belongs to no
# study of this database.
LEFT_OUT = frozenset(
    {
        "token",
        "invitation",
        "desk_user",
        "desk_grant",
        "desk_session",
        "desk_preview",
        "webhook_event",
        "network_count",
        "participant_list",
        "listed_participant",
    }
)
PERSONAL = ("identifier", "questionnaire_answer")
"""The tables of recruitment identifiers and of the questionnaire, archived only on request."""


class Own(NamedTuple):
    """A table with the condition for a study's rows."""

    table: Table
    rows: ColumnElement[bool]


def rating_rows(study_id: int, *, with_identifiers: bool) -> Mapping[str, Own]:
    """Select a study's rows in the rating database, by table, in an order in which they can be inserted."""
    mine = select(rating.Rater.id).where(rating.Rater.study_id == study_id)
    booklets = select(rating.Booklet.id).where(rating.Booklet.study_id == study_id)
    items = select(rating.Item.id).where(rating.Item.study_id == study_id)
    rows: dict[str, ColumnElement[bool]] = {
        "study": rating.StudyRow.id == study_id,
        "amendment": rating.Amendment.study_id == study_id,
        "item": rating.Item.study_id == study_id,
        "booklet": rating.Booklet.study_id == study_id,
        "trial": rating.TrialRow.booklet_id.in_(booklets),
        "trial_text": rating.TrialTextRow.booklet_id.in_(booklets),
        "attention_check": rating.AttentionCheckRow.item_id.in_(items),
        "rater": rating.Rater.study_id == study_id,
        "identifier": rating.Identifier.study_id == study_id,
        "questionnaire_answer": rating.QuestionnaireAnswer.rater_id.in_(mine),
        "answer": rating.Answer.rater_id.in_(mine),
        "guess": rating.Guess.rater_id.in_(mine),
        "comment": rating.Comment.rater_id.in_(mine),
        "shown_ending": rating.ShownEnding.rater_id.in_(mine),
        "tally": rating.Tally.study_id == study_id,
        "unfilled_parameter": rating.UnfilledParameter.study_id == study_id,
        "event": rating.EventRow.study_id == study_id,
    }
    if not with_identifiers:
        rows = {name: where for name, where in rows.items() if name not in PERSONAL}
    return {name: Own(rating.RatingBase.metadata.tables[name], where) for name, where in rows.items()}


def sealed_rows(study_id: int) -> Mapping[str, Own]:
    """Select a study's rows in the sealed database, as above."""
    publications = select(sealed.Publication.id).where(sealed.Publication.study_id == study_id)
    metrics = select(sealed.MetricRow.id).where(sealed.MetricRow.study_id == study_id)
    rows: dict[str, ColumnElement[bool]] = {
        "study": sealed.SealedStudyRow.id == study_id,
        "completion": sealed.CompletionRow.study_id == study_id,
        "publication": sealed.Publication.study_id == study_id,
        "key_entry": sealed.KeyEntry.publication_id.in_(publications),
        "metric": sealed.MetricRow.study_id == study_id,
        "measurement": sealed.MeasurementRow.metric_id.in_(metrics),
        "event": sealed.SealedEventRow.study_id == study_id,
    }
    return {name: Own(sealed.SealedBase.metadata.tables[name], where) for name, where in rows.items()}


FORMAT = 1
"""The version of the archive's layout."""
MANIFEST = "manifest.json"
_MAX_MANIFEST_BYTES = 16 * 1024**2
_SAME_TIME = (1980, 1, 1, 0, 0, 0)  # an archive of the same rows has the same bytes


@dataclass(frozen=True)
class Archived:
    """An archive that was written."""

    path: Path
    n_bytes: int
    digest: str
    """SHA-256 of the zip."""
    log_head: str


def archive_study(
    sealed_url: str,
    rating_url: str,
    name: str,
    path: Path,
    *,
    now: datetime,
    report: Path | None = None,
    with_identifiers: bool = False,
) -> Archived:
    """Archive an unblinded study and log it, in the archive too. Reads every row of the study once.

    Who raters are is left out unless asked for; what they wrote is in it, and so are the arms. Archiving that
    was killed continues with the same call; an archive of the study as it is now is left as it is.

    Raises:
        StateError: the study is not unblinded, or the report is none of it.
        SealError: something was tampered with, so that `rater import` would refuse the archive.
        DatabaseError: the file exists and is something else, or cannot be written.
    """
    if path.exists():
        return _as_it_is(
            path, rating_url, name, with_report=report is not None, with_identifiers=with_identifiers
        )
    require_untampered(sealed_url, rating_url, name)
    registration = write_registration(read_registrable(sealed_url, rating_url, name), [])
    unfinished = path.with_name(f"{path.name}.unfinished")
    try:
        # the archive's log has its own row; where the archive cannot be written, neither log has it
        with (
            disposing(open_rating(rating_url)) as rating,
            disposing(open_sealed(sealed_url)) as sealed,
            reading(sealed) as sealed_session,
            writing(rating) as session,
            reraise_unusable_file(path, what="archive"),
        ):
            head = _move(session, name, now=now)
            files = {} if report is None else _files_in(report, get_study(session, name))
            files["registration.md"] = registration.encode()
            files |= _rows(
                session, "rating", rating_rows(get_study(session, name).id, with_identifiers=with_identifiers)
            )
            kept = get_sealed_study(sealed_session, name)
            files |= _rows(sealed_session, "sealed", sealed_rows(kept.id))
            files["study.json"] = kept.canonical_json.encode()
            files["protocol.json"] = get_study(session, name).protocol.model_dump_json(indent=2).encode()
            unfinished.unlink(missing_ok=True)  # of a run that was killed
            _write_zip(unfinished, _with_manifest(files, name, head))
        with reraise_unusable_file(path, what="archive"):
            unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return Archived(path, path.stat().st_size, hash_file(path), head)


def _as_it_is(
    path: Path, rating_url: str, name: str, *, with_report: bool, with_identifiers: bool
) -> Archived:
    """Accept an existing file if it is an archive of the study's present state with the same parts.

    Raises:
        DatabaseError: it is not.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study(session, name)
        head = read_events(session, EventRow, study.id)[-1].hash
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as stream:
            manifest = json.loads(stream.read(_MAX_MANIFEST_BYTES))
        parts = list(manifest["sha256"])
        is_ours = (
            (manifest["study"], manifest["log_head"]) == (name, head)
            and with_report == any(part.startswith("report/") for part in parts)
            and with_identifiers == all(f"rating/{table}.jsonl" in parts for table in PERSONAL)
        )
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        is_ours = False
    if not is_ours:
        msg = f"{path} exists already, and an archive is never overwritten. Name another file."
        raise DatabaseError(msg)
    return Archived(path, path.stat().st_size, hash_file(path), head)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _move(session: Session, name: str, *, now: datetime) -> str:
    study = get_study(session, name)
    if study.state is State.ARCHIVED:
        return read_events(session, EventRow, study.id)[-1].hash
    if study.state is not State.UNBLINDED:
        msg = (
            f"Study {name!r} is {study.state}; an archive contains arms and answers, so only an "
            f"unblinded study can be archived. Run: rater analyze {name}"
        )
        raise StateError(msg)
    return move_study(session, name, State.ARCHIVED, at=now)


def _files_in(report: Path, study: PublishedStudy) -> dict[str, bytes]:
    """Read a report's files, after checking that it is a report of this study's answers."""
    how = f"Run: rater analyze {study.name} --report FOLDER"
    try:
        about = json.loads((report / "results.json").read_bytes())["about"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{report} is not a report: it has no valid results.json. {how}"
        raise StateError(msg) from error
    if (about.get("study"), about.get("study_hash")) != (study.name, study.study_hash):
        of = about.get("study") or "external ratings"
        msg = f"{report} is a report of {of}, not of study {study.name} as published here. {how}"
        raise StateError(msg)
    if "look" not in about:
        msg = f"{report} is not the planned analysis ({about.get('label')}). {how}"
        raise StateError(msg)
    found = sorted(each for each in report.rglob("*") if each.is_file())
    return {f"report/{each.relative_to(report).as_posix()}": each.read_bytes() for each in found}


def _rows(session: Session, which: str, own: Mapping[str, Own]) -> dict[str, bytes]:
    return {
        f"{which}/{name}.jsonl": b"".join(
            json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            for row in read_rows(session, *owned)
        )
        for name, owned in own.items()
    }


def _with_manifest(files: Mapping[str, bytes], name: str, head: str) -> dict[str, bytes]:
    # those that an analysis uses
    libraries = {package: metadata.version(package) for package in ("numpy", "pandas", "scipy", "sqlalchemy")}
    manifest = {
        "format": FORMAT,
        "study": name,
        "log_head": head,
        "revisions": HEAD,
        "versions": {"rater": rater.__version__, "python": platform.python_version(), **libraries},
        "sha256": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    }
    return {MANIFEST: (json.dumps(manifest, indent=2) + "\n").encode(), **files}


def _write_zip(path: Path, files: Mapping[str, bytes]) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as stream:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                entry = zipfile.ZipInfo(name, _SAME_TIME)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, content)
        stream.flush()
        os.fsync(stream.fileno())
