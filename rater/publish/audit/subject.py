"""Put together what an audit is about: a publication as drafted or as it stands, and its key."""

from collections.abc import Iterable
from dataclasses import dataclass

from rater.store.rating.studies import NewBooklet, NewItem, PublishedStudy
from rater.store.sealed.completions import KeptCompletion
from rater.study.study import Study


@dataclass(frozen=True)
class Subject:
    """A publication and its key."""

    study: Study
    published: PublishedStudy
    items: tuple[NewItem, ...]
    """In the order of their rows."""
    booklets: tuple[NewBooklet, ...]
    arms: dict[str, str]
    """Item id → arm."""
    seeds: frozenset[int]
    secrets: tuple[str, ...]
    """The publication's seed and salt."""


def arms_of(key: dict[str, int], completions: Iterable[KeptCompletion]) -> dict[str, str]:
    """Say which arm made each item."""
    arms = {completion.id: completion.cell.arm for completion in completions}
    return {item_id: arms[completion_id] for item_id, completion_id in key.items()}
