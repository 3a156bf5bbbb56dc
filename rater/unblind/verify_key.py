"""Verify the key against the commitment of the publication."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine

from rater.errors import SealError
from rater.publish.draft import key_lines
from rater.publish.publish import explain_lost_key, lost_key
from rater.publish.seal import commit
from rater.publish.texts import references_of
from rater.store.engine import disposing, reading
from rater.store.log import broken_link, read_events
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import PublishedStudy, get_study, read_texts
from rater.store.sealed.completions import Cell, KeptCompletion, read_completions
from rater.store.sealed.measurements import (
    KeptMetric,
    NewMeasurement,
    read_measurements,
    read_metrics,
)
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import find_secrets, get_sealed_study, read_key
from rater.study.study import Study


@dataclass(frozen=True)
class Opened:
    """A verified key, with what it opens."""

    study: Study
    published: PublishedStudy
    cells: dict[str, Cell]
    """Prompt, arm and sample of each item, by its id."""
    completions: dict[str, KeptCompletion]
    """The completion of each item, by its id."""
    texts: dict[str, str]
    """The text that raters saw of each item, by its id."""
    references: dict[int, str]
    """The text of the reference arm for each item of the study, by the item's number; empty without one."""
    seed: str
    """The secret publication seed."""
    sealed_id: int
    """The study's row in the sealed database."""
    measured: tuple[tuple[KeptMetric, list[NewMeasurement]], ...] = ()
    """The metrics of the texts, with their values."""


@contextlib.contextmanager
def reraise_unreadable(name: str) -> Iterator[None]:
    """Reraise a stored value of the wrong type as an error without a traceback.

    Raises:
        SealError: a value was written by hand.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = (
            f"A value in the databases of study {name!r} cannot have been stored by rater: {error}. "
            f"Run: rater verify {name}"
        )
        raise SealError(msg) from error


def open_seal(sealed_url: str, rating: Engine, name: str) -> Opened:
    """Verify a study's key and log. Costs a hash of every text.

    Raises:
        SealError: the key does not match the commitment, or the log was rewritten.
    """
    with reraise_unreadable(name), reading(rating) as session:
        published = get_study(session, name)
        texts = read_texts(session, published.id)
        broken = broken_link(session, EventRow, published.id)
        events = read_events(session, EventRow, published.id) if broken is None else []
    if not events or events[0].detail.get("commitment") != published.commitment:
        msg = f"The log of study {name!r} was rewritten: its hash chain is broken from row {broken or 1} on."
        raise SealError(msg)
    with (
        reraise_unreadable(name),
        explain_lost_key(rating, name),
        disposing(open_sealed(sealed_url)) as sealed,
        reading(sealed) as session,
    ):
        sealed_study = get_sealed_study(session, name)
        secrets = find_secrets(session, sealed_study.id)
        key = read_key(session, sealed_study.id)
        completions = read_completions(session, sealed_study.id)
        metrics = read_metrics(session, sealed_study.id)
        measured = tuple((metric, read_measurements(session, metric.id)) for metric in metrics)
        study = Study.model_validate_json(sealed_study.canonical_json)
    if secrets is None or key.keys() != texts.keys():
        raise SealError(lost_key(published))
    lines = key_lines(texts, key, completions)
    commitment = commit(lines, salt=secrets.salt, seed=secrets.seed, study_hash=study.hash)
    if commitment != published.commitment:
        msg = (
            f"The key to study {name!r} hashes to {commitment}, but the commitment of the publication is "
            f"{published.commitment}: the key, the texts or the study were changed since. "
            f"Run: rater verify {name}"
        )
        raise SealError(msg)
    by_id = {completion.id: completion for completion in completions}
    return Opened(
        study=study,
        published=published,
        cells={item_id: by_id[completion_id].cell for item_id, completion_id in key.items()},
        completions={item_id: by_id[completion_id] for item_id, completion_id in key.items()},
        texts=texts,
        references=references_of(study, completions),
        seed=secrets.seed,
        sealed_id=sealed_study.id,
        measured=measured,
    )
