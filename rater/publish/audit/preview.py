"""Serve a throwaway copy of a study by the real command, in a process that knows of no other database.

Beside it stands a study that has nothing to do with it: words that both have in common are the app's own.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rater.publish.audit.subject import Subject
from rater.serving import serving
from rater.store.engine import disposing, writing
from rater.store.rating.open import create_rating
from rater.store.rating.publication import NewBooklet, NewItem, insert_study
from rater.store.rating.studies import PublishedStudy, move_study
from rater.study.protocol import Dimension, Protocol
from rater.study.scales import Likert

_NOTHING = "qxqx"
"""What the other study says everywhere; no word of any language."""


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
def previewing(subject: Subject, folder: Path) -> Iterator[Preview]:
    """Serve a copy of a study, open and without answers, from a rating database in a folder.

    Takes one to two seconds.

    Raises:
        StateError: the server does not start.
    """
    url = f"sqlite:///{folder / 'preview.db'}"
    slug, other_slug = subject.published.slug, f"{_NOTHING}-{_NOTHING}"
    other = _Other.of(subject)
    with disposing(create_rating(url)) as rating, writing(rating) as session:
        for study, items, booklets in (
            (replace(subject.published, id=0, state="published"), subject.items, subject.booklets),
            (replace(other.published, slug=other_slug), other.items, other.booklets),
        ):
            insert_study(session, study, items=list(items), booklets=list(booklets))
            move_study(session, study.name, "open", at=datetime.now(UTC))
    with serving(url, folder) as address:
        yield Preview(address, slug, other_slug)


@dataclass(frozen=True)
class _Other:
    published: PublishedStudy
    items: tuple[NewItem, ...]
    booklets: tuple[NewBooklet, ...]

    @classmethod
    def of(cls, subject: Subject) -> "_Other":
        """Make a study of the same scales that says nothing, with one booklet of three texts."""
        shown = Protocol(
            title=_NOTHING,
            consent=_NOTHING,
            instructions=_NOTHING,
            thanks=_NOTHING,
            dimensions=tuple(map(_other_dimension, range(len(subject.published.protocol.dimensions)))),
        )
        items = tuple(NewItem(f"{_NOTHING}{n}", _NOTHING, f" {_NOTHING}.") for n in range(3))
        published = replace(subject.published, id=0, name=_NOTHING, state="published", protocol=shown)
        return cls(published, items, (NewBooklet.of(_NOTHING, (item.id for item in items)),))


def _other_dimension(number: int) -> Dimension:
    return Dimension(
        name=f"{_NOTHING}{number}", question=_NOTHING, scale=Likert(low=_NOTHING, high=_NOTHING, points=5)
    )
