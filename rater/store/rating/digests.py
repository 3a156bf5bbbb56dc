"""Digest what a study publishes, so that its log can vouch for texts, booklets and checks.

Each digest is SHA-256 over lines of canonical JSON, each ended by a line feed, in UTF-8, so that anyone who
has the rows can recompute it:

- study: ``["<name>","<slug>","<study hash>","<commitment>","<time of publication>"]``;
- items: ``["<item id>","<prompt>","<text>",is_check]``, sorted by item id;
- booklets: ``["<booklet id>",n_trials,n_lines,n_narrow_lines,[position,"<item id>","<other item id>",…],…]``
  in the order of the trials, sorted by booklet id; a booklet without trials is a line too;
- checks: ``["<item id>","<dimension>",lowest,highest]``, sorted by item id and dimension.

Values are those of the table's columns, in their order, so that a new column is digested too. Times are ISO
8601 in UTC, ``null`` where there is none. The protocol's digest is SHA-256 over its own JSON. What raters
give is digested in `rater.store.rating.collected`.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from rater.store.rating.schema import AttentionCheck, Base, Booklet, Item, Study, Trial


@dataclass(frozen=True)
class Published:
    """Digests of all that publication fixed."""

    study: str
    protocol: str
    items: str
    booklets: str
    checks: str


def digest_published(session: Session, study_id: int) -> Published:
    """Digest a study's row, protocol, items, booklets and checks. Costs five queries."""
    name, slug, protocol, study_hash, commitment, at = session.execute(
        select(
            Study.name, Study.slug, Study.protocol, Study.study_hash, Study.commitment, Study.published_at
        ).where(Study.id == study_id)
    ).one()
    items = session.execute(select(*columns_of(Item, but={"study_id"})).where(Item.study_id == study_id))
    checks = session.execute(
        select(*columns_of(AttentionCheck))
        .join(Item, Item.id == AttentionCheck.item_id)
        .where(Item.study_id == study_id)
    )
    return Published(
        study=digest_rows([[name, slug, study_hash, commitment, written_time(at)]]),
        protocol=hashlib.sha256(protocol.encode()).hexdigest(),
        items=digest_rows(sorted(list(row) for row in items)),
        booklets=_digest_booklets(session, study_id),
        checks=digest_rows(sorted(list(row) for row in checks)),
    )


def _digest_booklets(session: Session, study_id: int) -> str:
    booklets = session.execute(
        select(*columns_of(Booklet, but={"study_id"})).where(Booklet.study_id == study_id)
    ).all()
    trials = session.execute(
        select(Trial.booklet_id, *columns_of(Trial, but={"booklet_id"}))
        .join(Booklet, Booklet.id == Trial.booklet_id)
        .where(Booklet.study_id == study_id)
        .order_by(Trial.booklet_id, Trial.position)
    )
    shown: defaultdict[str, list[list[object]]] = defaultdict(list)
    for booklet_id, *trial in trials:
        shown[booklet_id].append(trial)
    in_order = sorted(booklets, key=lambda booklet: str(booklet.id))
    return digest_rows([*booklet, *shown[booklet.id]] for booklet in in_order)


def columns_of(table: type[Base], *, but: Iterable[str] = ()) -> list[ColumnElement[object]]:
    """List a table's columns in their order, so that a digest leaves out only what it names."""
    left_out = set(but)
    return [column for column in table.__table__.columns if column.name not in left_out]


def written_time(at: datetime | None) -> str | None:
    """Write a time as the digests have it."""
    return None if at is None else at.isoformat()


def written(value: object) -> object:
    """Write a value of any column as the digests have it."""
    return written_time(value) if isinstance(value, datetime) else value


def digest_rows(rows: Iterable[Sequence[object]]) -> str:
    """Digest rows, one line of canonical JSON each."""
    found = hashlib.sha256()
    for row in rows:
        found.update(line_of(row))
    return found.hexdigest()


def line_of(row: Sequence[object]) -> bytes:
    """Write a row as one line of canonical JSON."""
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
