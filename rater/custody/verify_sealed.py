"""Verify the sealed half of a study against what was published: study, key, texts, booklets, log."""

import hashlib
from collections.abc import Iterator
from itertools import product

from pydantic import ValidationError
from sqlalchemy.orm import Session

from rater.custody.checks import Check, altered, intact, not_checked
from rater.publish.draft import Draft, draft_publication, key_lines
from rater.publish.seal import commit
from rater.store.log import broken_link, read_events
from rater.store.rating.amendments import read_logged_amendments
from rater.store.rating.as_published import StudyRow, read_booklets, read_items
from rater.store.rating.publication import NewItem
from rater.store.rating.schema import Event as RatingEvent
from rater.store.sealed.completions import Cell, KeptCompletion, read_completions
from rater.store.sealed.looks import looks_elsewhere
from rater.store.sealed.schema import Event
from rater.store.sealed.studies import (
    SealedStudy,
    Secrets,
    find_sealed_study,
    find_secrets,
    read_key,
)
from rater.study.study import Study


def verify_sealed(rating: Session, sealed: Session, published: StudyRow) -> Iterator[Check]:
    """Verify a study's sealed half; no answer is read."""
    kept = find_sealed_study(sealed, published.name)
    secrets = find_secrets(sealed, kept.id) if kept else None
    if kept is None or secrets is None:
        yield altered(
            "key",
            "The sealed database has no key to this study: it is another one, or was emptied. "
            "Restore it from a backup.",
        )
        return
    yield from _generation(rating, sealed, published, kept)
    yield from _looks(rating, sealed, published, kept)
    study = _read_study(kept)
    if study is None or study.hash != published.study_hash:
        yield altered("study", "The sealed study is not the one whose hash was published.")
        return
    yield intact("study", f"The sealed study has the hash that was published, {study.hash[:16]}….")
    if study.protocol.model_dump_json() != published.protocol:
        yield altered(
            "declared protocol", "What raters are shown around the texts is not what the study declares."
        )
    else:
        yield intact(
            "declared protocol", "What raters are shown around the texts is what the study declares."
        )
    completions, key = read_completions(sealed, kept.id), read_key(sealed, kept.id)
    items = read_items(rating, published.id)
    yield _commitment(items, key, completions, secrets=secrets, published=published)
    if {completion.cell for completion in completions} != _cells(study):
        yield not_checked("texts", "The sealed completions are not those that the study declares.")
        return
    added = [each.n_booklets_added for each in read_logged_amendments(rating, published.id)]
    draft = draft_publication(study, completions, secrets.seed, added=added)
    yield from _derived(rating, items, draft, published)


def _cells(study: Study) -> set[Cell]:
    n_samples = study.sampling.samples_per_prompt
    cells = product(range(len(study.prompts)), study.arm_names, range(n_samples))
    return {Cell(*cell) for cell in cells}


def _read_study(kept: SealedStudy) -> Study | None:
    try:
        study = Study.model_validate_json(kept.canonical_json)
    except ValidationError:
        return None
    is_as_written = hashlib.sha256(kept.canonical_json.encode()).hexdigest() == kept.hash
    return study if is_as_written else None


def _generation(rating: Session, sealed: Session, published: StudyRow, kept: SealedStudy) -> Iterator[Check]:
    broken = broken_link(sealed, Event, kept.id)
    if broken is not None:
        yield altered("generation log", f"It does not fit together from row {broken} on: it was rewritten.")
        return
    first = read_events(rating, RatingEvent, published.id)[:1]
    head = first[0].detail.get("generation_log") if first else None
    if head not in {event.hash for event in read_events(sealed, Event, kept.id)}:
        yield altered("generation log", "It has not the head that was written down at publication.")
        return
    yield intact("generation log", "It fits together and has the head that was written down at publication.")


def _looks(rating: Session, sealed: Session, published: StudyRow, kept: SealedStudy) -> Iterator[Check]:
    """Hold the looks that were noted beside the key against those in the log of the ratings."""
    if broken_link(sealed, Event, kept.id) or broken_link(rating, RatingEvent, published.id):
        return  # which is said already
    heads = {event.hash for event in read_events(rating, RatingEvent, published.id)}
    elsewhere = len(looks_elsewhere(sealed, kept.id, heads))
    if elsewhere:
        yield altered(
            "looks",
            f"{elsewhere} look{'s' * (elsewhere != 1)} at answers by arm that the sealed database has noted "
            "are not in the log of the ratings: an older copy of them was put back, or another looked at.",
        )
        return
    yield intact("looks", "Every look that the sealed database has noted is in the log of the ratings.")


def _commitment(
    items: tuple[NewItem, ...],
    key: dict[str, int],
    completions: list[KeptCompletion],
    *,
    secrets: Secrets,
    published: StudyRow,
) -> Check:
    texts = {item.id: item.text for item in items if not item.is_check}
    known = {completion.id for completion in completions}
    if key.keys() != texts.keys() or not known.issuperset(key.values()):
        return altered("key", "The key does not list the items that are published, each once.")
    lines = key_lines(texts, key, completions)
    found = commit(lines, salt=secrets.salt, seed=secrets.seed, study_hash=published.study_hash)
    if found != published.commitment:
        return altered(
            "key",
            f"The key hashes to {found[:16]}…, but {published.commitment[:16]}… was committed to: arms, "
            "seeds or texts were changed since.",
        )
    return intact("key", f"It hashes to the commitment made at publication, {found[:16]}….")


def _derived(
    rating: Session, items: tuple[NewItem, ...], draft: Draft, published: StudyRow
) -> Iterator[Check]:
    """Draft the publication anew from its secret seed, and compare."""
    drafted = {item.id: item for item in draft.items}
    changed = sum(drafted.get(item.id) != item for item in items)
    if changed or len(items) != len(drafted):
        n = changed or abs(len(drafted) - len(items))
        yield altered("texts", f"{n} of {len(drafted)} texts or prompts are not as they were generated.")
    else:
        yield intact("texts", f"All {len(items)} texts and prompts are as they were generated.")
    booklets = {booklet.id: booklet for booklet in read_booklets(rating, published.id)}
    dealt = {booklet.id: booklet for booklet in draft.booklets}
    if booklets == dealt:
        yield intact("dealing", f"All {len(dealt)} booklets are those that the secret seed gives.")
    elif booklets.keys() == dealt.keys():
        n = sum(booklets[booklet_id] != dealt[booklet_id] for booklet_id in dealt)
        yield altered("dealing", f"{n} of {len(dealt)} booklets are not those that the secret seed gives.")
    else:
        yield altered("dealing", "There are other booklets than those that the secret seed gives.")
