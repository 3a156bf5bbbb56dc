"""Verify the key against the commitment that raters' answers were given under."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine

from rater.errors import SealError
from rater.publish.draft import key_lines
from rater.publish.publish import explain_lost_key, lost_key
from rater.publish.seal import commit
from rater.store.engine import disposing, reading
from rater.store.log import broken_link, read_events
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import PublishedStudy, get_study, read_texts
from rater.store.sealed.completions import Cell, KeptCompletion, read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import find_secrets, get_sealed_study, read_key
from rater.study.study import Study


@dataclass(frozen=True)
class Opened:
    """A key that was verified."""

    study: Study
    published: PublishedStudy
    cells: dict[str, Cell]
    """What each item is, by its id."""
    completions: dict[str, KeptCompletion]
    """The completion of each item, by its id."""
    texts: dict[str, str]
    """What raters saw of each, by its id."""
    seed: str
    """The secret publication seed."""
    sealed_id: int
    """The study's row in the sealed database."""


@contextlib.contextmanager
def told_if_unreadable(name: str) -> Iterator[None]:
    """Turn a value that is not of its column's kind into an error without a traceback.

    Raises:
        SealError: there is one, which was put there by hand.
    """
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        msg = f"The databases of study {name!r} hold something that rater cannot have stored: {error}."
        raise SealError(msg) from error


def open_seal(sealed_url: str, rating: Engine, name: str) -> Opened:
    """Verify a study's key and log. Costs a hash of every text.

    Raises:
        SealError: the key is not the one that was committed to, or the log was rewritten.
    """
    with told_if_unreadable(name), reading(rating) as session:
        published = get_study(session, name)
        texts = read_texts(session, published.id)
        broken = broken_link(session, EventRow, published.id)
        events = read_events(session, EventRow, published.id) if broken is None else []
    if not events or events[0].detail.get("commitment") != published.commitment:
        msg = f"The log of study {name!r} does not fit together from row {broken or 1} on: it was rewritten."
        raise SealError(msg)
    with (
        told_if_unreadable(name),
        explain_lost_key(rating, name),
        disposing(open_sealed(sealed_url)) as sealed,
        reading(sealed) as session,
    ):
        kept = get_sealed_study(session, name)
        secrets = find_secrets(session, kept.id)
        key = read_key(session, kept.id)
        completions = read_completions(session, kept.id)
        study = Study.model_validate_json(kept.canonical_json)
    if secrets is None or key.keys() != texts.keys():
        raise SealError(lost_key(published))
    lines = key_lines(texts, key, completions)
    commitment = commit(lines, salt=secrets.salt, seed=secrets.seed, study_hash=study.hash)
    if commitment != published.commitment:
        msg = (
            f"The key to study {name!r} hashes to {commitment}, but {published.commitment} was committed to "
            "at publication: the key, the texts or the study were changed since."
        )
        raise SealError(msg)
    by_id = {completion.id: completion for completion in completions}
    return Opened(
        study=study,
        published=published,
        cells={item_id: by_id[completion_id].cell for item_id, completion_id in key.items()},
        completions={item_id: by_id[completion_id] for item_id, completion_id in key.items()},
        texts=texts,
        seed=secrets.seed,
        sealed_id=kept.id,
    )
