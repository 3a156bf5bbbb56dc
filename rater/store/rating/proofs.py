"""Proofs that a file of recovered answers holds a certain rater's answers to pages that were shown.

A rater may download answers that did not reach the server, and the experimenter takes the file in. Each page
of a trial carries a proof for the one submission it can make: a MAC under the digest of the rater's token,
which only the server and the database know. So a file holds nothing by which somebody could come back as the
rater, proves whose answers it holds, and cannot be made for another rater or for pages never shown.
"""

import hashlib
import hmac
import re

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Rater, Token

_CHANGED = re.compile(r"(.+)-[0-9]{1,5}")


def session_mark(token_digest: str) -> str:
    """Return by what a browser and a file tell one rater's answers from another's; it opens nothing."""
    return hashlib.sha256(f"rater session {token_digest}".encode()).hexdigest()[:24]


def prove(token_digest: str, submission_id: str, position: int) -> str:
    """Return the proof that a submission id was drawn by us for a rater's trial."""
    message = f"rater answer {position} {submission_id}".encode()
    return hmac.new(token_digest.encode(), message, hashlib.sha256).hexdigest()


def is_proven(token_digest: str, submission_id: str, position: int, *, proof: str) -> bool:
    """Return whether a proof is that of a submission, or of a change to it.

    A page that sends a changed answer while its first one is under way numbers it: ``id-1``, ``id-2``.
    """
    changed = _CHANGED.fullmatch(submission_id)
    return any(
        hmac.compare_digest(prove(token_digest, each, position).encode(), proof.encode())
        for each in (submission_id, *(changed.groups() if changed else ()))
    )


def find_digest(session: Session, study_id: int, mark: str) -> str | None:
    """Find the digest of a rater's token by their mark. Costs one query and a hash for each token."""
    rows = session.scalars(
        select(Token.digest).join(Rater, Rater.id == Token.rater_id).where(Rater.study_id == study_id)
    )
    return next((found for found in rows if session_mark(found) == mark), None)
