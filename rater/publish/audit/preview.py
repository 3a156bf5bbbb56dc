"""Serve a throwaway copy of a study by the real command, in a process that knows of no other database.

Beside it stands a study with the same kinds of pages that says nothing: words that both have in common are
the app's own.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rater.publish.audit.beside import NOTHING, make_decoy_study
from rater.publish.audit.subject import AuditedPublication
from rater.serving import serving
from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.publication import insert_study
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.state import State


@dataclass(frozen=True)
class Preview:
    """A served copy."""

    address: str
    """Where the server listens."""
    slug: str
    """The study's own address."""
    other_slug: str
    """That of the study beside it."""


@contextlib.contextmanager
def previewing(audited: AuditedPublication, folder: Path) -> Iterator[Preview]:
    """Serve a copy of a study, open and without answers, from a rating database in a folder.

    Takes one to two seconds.

    Raises:
        StateError: the server does not start.
    """
    url = f"sqlite:///{folder / 'preview.db'}"
    audited = replace(audited, published=_open_to_anybody(audited.published))
    slug, other_slug = audited.published.slug, f"{NOTHING}-{NOTHING}"
    other = make_decoy_study(audited, other_slug)
    with disposing(create_rating(url)) as rating, writing(rating) as session:
        for study, items, booklets in (
            (replace(audited.published, id=0, state=State.PUBLISHED), audited.items, audited.booklets),
            (other.published, other.items, (other.booklet,)),
        ):
            insert_study(session, study, items=list(items), booklets=list(booklets))
            move_study(session, study.name, State.OPEN, at=datetime.now(UTC))
    with serving(url, folder) as address:
        yield Preview(address, slug, other_slug)


def _open_to_anybody(published: PublishedStudy) -> PublishedStudy:
    """Let in whoever comes, whatever they answer: pages behind a door that turns away would not be seen."""
    shown = published.protocol
    ends = {each.name: (each.scale.lowest, each.scale.highest) for each in shown.dimensions}
    passable = [
        each.model_copy(update={"accepted": {name: ends[name] for name in each.accepted}})
        for each in shown.practice
    ]
    opened: dict[str, object] = {
        "invited_only": False,
        "recruitment": shown.recruitment and shown.recruitment.model_copy(update={"required": False}),
        "screening": tuple(each.model_copy(update={"accepted": each.options}) for each in shown.screening),
        # without a pass mark nobody is turned away, and what is said of a wrong answer is seen too
        "practice": shown.practice if shown.practice_pass is None else tuple(passable),
    }
    return replace(published, protocol=shown.model_copy(update=opened))
