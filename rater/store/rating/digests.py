"""Digest what a study publishes, so that its log can vouch for texts, booklets and checks.

Each digest is SHA-256 over lines of canonical JSON, each ended by a line feed, in UTF-8, so that anyone who
has the rows can recompute it:

- items: ``["<item id>","<prompt>","<text>"]``, sorted by item id;
- booklets: ``["<booklet id>",["<item id>","<other item id>","<dimension>",is_repeat],…]`` in the order of the
  trials, sorted by booklet id;
- checks: ``["<item id>","<dimension>",lowest,highest]``, sorted by item id and dimension.

Times are ISO 8601 in UTC, ``null`` where there is none. The protocol's digest is SHA-256 over its own JSON.
What raters give is digested in `rater.store.rating.collected`.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from rater.store.rating.schema import AttentionCheck, Booklet, Item, Study, Trial


@dataclass(frozen=True)
class Published:
    """Digests of all that publication fixed."""

    protocol: str
    items: str
    booklets: str
    checks: str


def digest_published(session: Session, study_id: int) -> Published:
    """Digest a study's protocol, items, booklets and checks. Costs four queries."""
    protocol = session.scalars(select(Study.protocol).where(Study.id == study_id)).one()
    items = session.execute(select(Item.id, Item.prompt, Item.text).where(Item.study_id == study_id))
    trials = session.execute(
        select(Trial.booklet_id, Trial.item_id, Trial.other_item_id, Trial.dimension, Trial.is_repeat)
        .join(Booklet, Booklet.id == Trial.booklet_id)
        .where(Booklet.study_id == study_id)
        .order_by(Trial.booklet_id, Trial.position)
    )
    booklets = [
        [booklet_id, *(list(trial[1:]) for trial in own)]
        for booklet_id, own in groupby(trials, key=lambda trial: trial.booklet_id)
    ]
    checks = session.execute(
        select(
            AttentionCheck.item_id, AttentionCheck.dimension, AttentionCheck.lowest, AttentionCheck.highest
        )
        .join(Item, Item.id == AttentionCheck.item_id)
        .where(Item.study_id == study_id)
    )
    return Published(
        protocol=hashlib.sha256(protocol.encode()).hexdigest(),
        items=digest_rows(sorted(list(row) for row in items)),
        booklets=digest_rows(sorted(booklets, key=lambda booklet: str(booklet[0]))),
        checks=digest_rows(sorted(list(row) for row in checks)),
    )


def written_time(at: datetime | None) -> str | None:
    """Write a time as the digests have it."""
    return None if at is None else at.isoformat()


def digest_rows(rows: Iterable[Sequence[object]]) -> str:
    """Digest rows, one line of canonical JSON each."""
    found = hashlib.sha256()
    for row in rows:
        line = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
        found.update(line.encode() + b"\n")
    return found.hexdigest()
