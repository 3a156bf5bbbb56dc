"""Move the participants of a study to another database as digests, so that a study there can exclude them."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from rater.store.engine import disposing, empty_wal, reading, writing
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.participants import log_list
from rater.store.rating.past_participants import (
    ParticipantDigests,
    digest_participants,
    store_participants,
)
from rater.store.rating.studies import get_study
from rater.study.declaration import Name
from rater.study.visit import Parameter
from rater.tables.json_file import read_json_file
from rater.temp_files import write_whole

_MAX_FILE_BYTES = 100_000_000
_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class ParticipantFile(BaseModel):
    """A file with the participants of a study, as digests of their IDs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["rater participants"]
    version: Literal[1]
    study: Name
    parameter: Parameter
    key: _Hex
    digests: Annotated[tuple[_Hex, ...], Field(max_length=1_000_000)]
    made_at: AwareDatetime


def write_participant_file(rating_url: str, name: str, path: Path, *, who: str, now: datetime) -> int:
    """Write the participants of a study to a file, record it in the log, and return their number.

    Raises:
        StateError: the study is not published, or reads no participant ID from its link.
        OSError: the file cannot be written.
    """
    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            study = get_study(session, name)
            found = digest_participants(session, study, now=now)
        file = ParticipantFile(kind="rater participants", version=1, **vars(found))
        write_whole(path, f"{file.model_dump_json(indent=1)}\n".encode())
        with writing(rating) as session:
            log_list(session, study.id, who=who, by="digests", n=len(found.digests), now=now)
    return len(found.digests)


def import_participant_file(rating_url: str, path: Path) -> ParticipantDigests:
    """Store the participants of a file in the rating database, which is made if it is missing.

    Raises:
        RaterError: the file cannot be read, or is not a file of participants.
        StateError: the study is published in this database.
    """
    file = _read(path)
    digests = tuple(sorted(set(file.digests)))
    found = ParticipantDigests(file.study, file.parameter, file.key, digests, file.made_at)
    with disposing(create_rating(rating_url)) as rating:
        with writing(rating) as session:
            store_participants(session, found)
        empty_wal(rating)
    return found


def _read(path: Path) -> ParticipantFile:
    return read_json_file(
        path,
        ParticipantFile,
        noun="file of participants",
        valid="a file that rater participants STUDY --digests wrote",
        max_bytes=_MAX_FILE_BYTES,
    )
