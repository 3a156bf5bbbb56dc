"""Take in the file that a rater downloaded when their answers could not be sent: each answer once.

What the file must prove is in `rater.store.rating.proofs`.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from rater.errors import RaterError, StateError
from rater.store.log import EventKind, append_event
from rater.store.rating import trials
from rater.store.rating.proofs import find_digest, is_proven
from rater.store.rating.schema import EventRow
from rater.store.rating.sessions import RaterSession, find_rater_session_by_digest
from rater.store.rating.studies import PublishedStudy, find_study_by_slug
from rater.tables.json_file import read_json_file
from rater.web.rating.forms import TrialForm, is_submission_id, read_trial_form
from rater.web.rating.trial import asked_dimensions

MAX_FILE_BYTES = 10_000_000
_Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{24,64}$")]


class _KeptAnswer(BaseModel):
    """One answer as the browser kept it (`static/kept.js`)."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: str
    position: Annotated[int, Field(ge=1, le=100_000)]
    body: Annotated[str, StringConstraints(max_length=64 * 1024)]
    proof: _Hex


class RecoveryFile(BaseModel):
    """A rater's unsent answers."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    kind: Literal["rater answers"]
    version: Literal[1]
    study: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
    mark: _Hex
    answers: Annotated[list[_KeptAnswer], Field(max_length=10_000)]


@dataclass(frozen=True)
class Recovered:
    """The result of a recovery."""

    study_name: str
    n_taken_in: int
    n_there_already: int


def read_recovery_file(path: Path) -> RecoveryFile:
    """Read a file of answers.

    Raises:
        RaterError: it cannot be read, or is none.
    """
    return read_json_file(
        path,
        RecoveryFile,
        noun="file of answers",
        valid="what a rater downloaded",
        max_bytes=MAX_FILE_BYTES,
    )


def take_in(session: Session, file: RecoveryFile, *, now: datetime) -> Recovered:
    """Store a file's answers that are not stored yet, and note it in the study's log; all of them or none.

    Must run in a `writing` transaction.

    Raises:
        RaterError: the study or the rater is unknown, an answer is not theirs, or cannot be stored now.
    """
    study = find_study_by_slug(session, file.study)
    token_digest = find_digest(session, study.id, file.mark) if study else None
    if study is None or token_digest is None:
        msg = f"No rater of {file.study!r} in this database made this file. Was it another server's?"
        raise RaterError(msg)
    n_taken_in = 0
    for answer in sorted(file.answers, key=lambda each: each.position):
        if not is_proven(token_digest, answer.id, answer.position, proof=answer.proof):
            msg = f"The answer to text {answer.position} was changed, or is not from this rater's page."
            raise RaterError(msg)
        rater_session = find_rater_session_by_digest(session, study.id, token_digest)
        assert rater_session is not None  # noqa: S101 (found by this digest just above)
        if not trials.is_stored(session, rater_session.rater_id, answer.id):
            _store(session, study, rater_session, answer, now=now)
            n_taken_in += 1
    if n_taken_in:
        append_event(session, EventRow, study.id, kind=EventKind.RECOVERED, at=now, n_answers=n_taken_in)
    return Recovered(study.name, n_taken_in, len(file.answers) - n_taken_in)


def _store(
    session: Session,
    study: PublishedStudy,
    rater_session: RaterSession,
    answer: _KeptAnswer,
    *,
    now: datetime,
) -> None:
    form = _read_form(session, study, rater_session, answer)
    submission = trials.Submission(answer.id, answer.position, form.judgements, form.timing)
    try:
        trials.record_answers(
            session, study.id, rater_session, submission, revising=study.protocol.revising, now=now
        )
    except StateError as error:
        msg = f"Nothing of the file was taken in: {error} ({study.name} is {study.state}.)"
        raise StateError(msg) from error


def _read_form(
    session: Session, study: PublishedStudy, rater_session: RaterSession, answer: _KeptAnswer
) -> TrialForm:
    asked = trials.read_dimension(session, rater_session.booklet_id, answer.position)
    fields = MultiDict(parse_qsl(answer.body, keep_blank_values=True))
    try:
        form = read_trial_form(fields, asked_dimensions(study.protocol, asked))
    except BadRequest:
        form = None
    if (
        form is None
        or not form.is_complete
        or form.submission_id != answer.id
        or not is_submission_id(answer.id)
    ):
        msg = f"The answer to text {answer.position} is not one that its page can send, so it was changed."
        raise RaterError(msg)
    return form
