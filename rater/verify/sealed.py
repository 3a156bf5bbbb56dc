"""Verify the sealed half of a study against what was published: study, key, texts, booklets, log."""

import hashlib
from collections.abc import Iterator
from itertools import product

from pydantic import ValidationError
from sqlalchemy.orm import Session

from rater.publish.draft import Draft, draft_publication, key_lines
from rater.publish.seal import commit, derive_slug
from rater.store.log import broken_link, read_events
from rater.store.rating.amendments import read_logged_amendments
from rater.store.rating.publication import NewItem, UnparsedStudy, read_booklets, read_items
from rater.store.rating.schema import EventRow
from rater.store.sealed.completions import Cell, KeptCompletion, digest_completions, read_completions
from rater.store.sealed.schema import SealedEventRow
from rater.store.sealed.studies import (
    SealedStudy,
    Secrets,
    find_sealed_study,
    find_secrets,
    looks_elsewhere,
    read_key,
)
from rater.study.study import Study
from rater.verify.checks import Check, altered, compare, intact, not_checked
from rater.verify.rating import verify_kinds


def verify_sealed(rating: Session, sealed: Session, published: UnparsedStudy) -> Iterator[Check]:
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
    yield from verify_kinds("generation log", SealedEventRow, read_events(sealed, SealedEventRow, kept.id))
    yield from _looks(rating, sealed, published, kept)
    study = _read_study(kept)
    if study is None or study.hash != published.study_hash or study.name != published.name:
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
    yield from _published(rating, sealed, kept, secrets=secrets, published=published)
    declared = _cells(study)
    there = {completion.cell for completion in completions}
    yield _completeness(there, declared)
    if not declared <= there:
        yield not_checked("texts", "They are compared with what is drafted from all completions.")
        return
    made = [completion for completion in completions if completion.cell in declared]
    added = [each.n_booklets_added for each in read_logged_amendments(rating, published.id)]
    draft = draft_publication(study, made, secrets.seed, added=added)
    yield from _derived(rating, items, draft, published)


def _completeness(there: set[Cell], declared: set[Cell]) -> Check:
    """Compare which completions exist with those that the study declares."""
    extra, missing = len(there - declared), len(declared - there)
    if not extra and not missing:
        return intact(
            "completions declared", f"All {len(declared)} completions of the study exist, and no other."
        )
    wrong = [f"{n} {what}" for n, what in ((missing, "missing"), (extra, "not declared by the study")) if n]
    return altered("completions declared", f"Of the sealed completions {' and '.join(wrong)}.")


def _published(
    rating: Session, sealed: Session, kept: SealedStudy, *, secrets: Secrets, published: UnparsedStudy
) -> Iterator[Check]:
    """Compare what the sealed database holds of the publication with the log of the ratings."""
    first = read_events(rating, EventRow, published.id)[:1]
    yield compare(
        "completions",
        recorded=first[0].detail.get("completions") if first else None,
        found=digest_completions(sealed, kept.id, salt=secrets.salt),
        what="completions with their seeds, tokens, measurements, versions and times",
    )
    yield compare(
        "publication",
        recorded=[published.commitment, published.published_at, published.slug],
        found=[secrets.commitment, secrets.published_at, derive_slug(secrets.seed)],
        what="commitment and time next to the key, or the address that the secret seed gives",
    )


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


def _generation(
    rating: Session, sealed: Session, published: UnparsedStudy, kept: SealedStudy
) -> Iterator[Check]:
    broken = broken_link(sealed, SealedEventRow, kept.id)
    if broken is not None:
        yield altered("generation log", f"It does not fit together from row {broken} on: it was rewritten.")
        return
    first = read_events(rating, EventRow, published.id)[:1]
    head = first[0].detail.get("generation_log") if first else None
    generated = read_events(sealed, SealedEventRow, kept.id)
    if head not in {event.hash for event in generated}:
        yield altered("generation log", "It has not the head that was written down at publication.")
        return
    if kept.created_at != generated[0].at:
        yield altered("generation log", "The study was not frozen when the log says that it was.")
        return
    yield intact("generation log", "It fits together and has the head that was written down at publication.")


def _looks(rating: Session, sealed: Session, published: UnparsedStudy, kept: SealedStudy) -> Iterator[Check]:
    """Hold the looks that were noted beside the key against those in the log of the ratings."""
    if broken_link(sealed, SealedEventRow, kept.id) or broken_link(rating, EventRow, published.id):
        return  # which is said already
    heads = {event.hash for event in read_events(rating, EventRow, published.id)}
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
    published: UnparsedStudy,
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
    rating: Session, items: tuple[NewItem, ...], draft: Draft, published: UnparsedStudy
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
