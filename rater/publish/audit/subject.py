"""Put together what an audit is about: a publication as drafted or as it stands, and its key."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from rater.store.rating.publication import NewBooklet, NewItem
from rater.store.rating.studies import PublishedStudy
from rater.store.sealed.completions import KeptCompletion
from rater.study.study import Study


@dataclass(frozen=True)
class AuditedPublication:
    """A publication and its key."""

    study: Study
    published: PublishedStudy
    items: tuple[NewItem, ...]
    """In the order of their rows."""
    booklets: tuple[NewBooklet, ...]
    arms: dict[str, str]
    """Item id → arm; attention checks have none."""
    seeds: frozenset[int]
    secrets: tuple[str, ...]
    """The publication's seed and salt."""

    @property
    def rated(self) -> list[NewItem]:
        """The completions, without the texts of attention checks."""
        return [item for item in self.items if not item.is_check]

    def completions_in(self, booklet: NewBooklet) -> Iterator[tuple[int, tuple[str, ...]]]:
        """List where a booklet shows completions for the first time, and which, from left to right."""
        for position, trial in enumerate(booklet.trials, start=1):
            if not trial.is_repeat and trial.item_id in self.arms:
                yield position, trial.item_ids


def arms_of(key: dict[str, int], completions: Iterable[KeptCompletion]) -> dict[str, str]:
    """Say which arm made each item."""
    arms = {completion.id: completion.cell.arm for completion in completions}
    return {item_id: arms[completion_id] for item_id, completion_id in key.items()}
