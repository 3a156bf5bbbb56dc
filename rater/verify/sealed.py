"""Verify the sealed half of a study against its publication: study, key, texts, booklets, log."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import product

from pydantic import ValidationError
from sqlalchemy.orm import Session

from rater.publish.booklets import ASSIGNMENT_VERSION
from rater.publish.draft import Draft, draft_publication, key_lines
from rater.publish.seal import commit, derive_slug
from rater.store.log import broken_link, read_events
from rater.store.rating.amendments import Amended, read_logged_amendments
from rater.store.rating.publication import NewItem, UnparsedStudy, read_booklets, read_items
from rater.store.rating.schema import EventRow
from rater.store.sealed.completions import Cell, KeptCompletion, digest_completions, read_completions
from rater.store.sealed.schema import SealedEventRow
from rater.store.sealed.studies import (
    SealedStudy,
    Secrets,
    find_sealed_study,
    find_secrets,
    looks_at_other_copies,
    read_key,
)
from rater.study.study import Study
from rater.verify.checks import Check, compare, not_checked, tampered, valid
from rater.verify.measurements import verify_measurements
from rater.verify.rating import verify_kinds


def verify_sealed(rating: Session, sealed: Session, published: UnparsedStudy) -> Iterator[Check]:
    """Verify a study's sealed half; no answer is read."""
    sealed_study = find_sealed_study(sealed, published.name)
    secrets = find_secrets(sealed, sealed_study.id) if sealed_study else None
    if sealed_study is None or secrets is None:
        yield tampered(
            "key",
            "The sealed database has no key to this study: it is the wrong database, or it was emptied. "
            "Restore a backup.",
        )
        return
    yield from _generation(rating, sealed, published, sealed_study)
    yield from verify_kinds(
        "generation log", SealedEventRow, read_events(sealed, SealedEventRow, sealed_study.id)
    )
    yield from _access_log(rating, sealed, published, sealed_study)
    yield from verify_measurements(sealed, sealed_study.id)
    study = _read_study(sealed_study)
    if study is None or study.hash != published.study_hash or study.name != published.name:
        yield tampered("study", "The sealed study does not have the hash that was published.")
        return
    yield valid("study", f"The sealed study has the hash that was published, {study.hash[:16]}….")
    if study.protocol.model_dump_json() != published.protocol:
        yield tampered(
            "declared protocol", "Raters do not get the texts and questions that the study declares."
        )
    else:
        yield valid("declared protocol", "Raters get the texts and questions that the study declares.")
    completions, key = read_completions(sealed, sealed_study.id), read_key(sealed, sealed_study.id)
    items = read_items(rating, published.id)
    yield _commitment(items, key, completions, secrets=secrets, published=published)
    yield from _published(rating, sealed, sealed_study, secrets=secrets, published=published)
    declared = {
        Cell(prompt, arm, sample)
        for prompt, arm in product(range(len(study.prompts)), study.arm_names)
        for sample in range(study.n_samples_of(arm))
    }
    there = {completion.cell for completion in completions}
    yield _completeness(there, declared)
    if not declared <= there:
        yield not_checked("texts", "Texts can only be compared when every completion exists.")
        return
    completed = [completion for completion in completions if completion.cell in declared]
    amendments = read_logged_amendments(rating, published.id)
    added = [each.n_booklets_added for each in amendments]
    draft = draft_publication(study, completed, secrets.seed, added=added)
    yield _texts(items, draft)
    if study.has_odd_text:
        yield _odd_texts(rating, published, key, completed)
    yield _assignment(rating, draft, published, amendments)


def _completeness(there: set[Cell], declared: set[Cell]) -> Check:
    """Compare the existing completions with those that the study declares."""
    extra, missing = len(there - declared), len(declared - there)
    if not extra and not missing:
        return valid(
            "completions declared", f"All {len(declared)} declared completions exist, and no others."
        )
    wrong = [f"{n} {what}" for n, what in ((missing, "missing"), (extra, "not declared by the study")) if n]
    return tampered("completions declared", f"Sealed completions: {' and '.join(wrong)}.")


def _published(
    rating: Session, sealed: Session, sealed_study: SealedStudy, *, secrets: Secrets, published: UnparsedStudy
) -> Iterator[Check]:
    """Compare the publication in the sealed database with the log of the rating database."""
    first = read_events(rating, EventRow, published.id)[:1]
    yield compare(
        "completions",
        recorded=first[0].detail.get("completions") if first else None,
        actual=digest_completions(sealed, sealed_study.id, salt=secrets.salt),
        what="completions with their seeds, tokens, measurements, versions and times",
    )
    yield compare(
        "publication",
        recorded=[published.commitment, published.published_at, published.slug],
        actual=[secrets.commitment, secrets.published_at, derive_slug(secrets.seed)],
        what="commitment, time and address of the publication",
    )


def _read_study(sealed_study: SealedStudy) -> Study | None:
    try:
        study = Study.model_validate_json(sealed_study.canonical_json)
    except ValidationError:
        return None
    is_as_written = hashlib.sha256(sealed_study.canonical_json.encode()).hexdigest() == sealed_study.hash
    return study if is_as_written else None


def _generation(
    rating: Session, sealed: Session, published: UnparsedStudy, sealed_study: SealedStudy
) -> Iterator[Check]:
    broken = broken_link(sealed, SealedEventRow, sealed_study.id)
    if broken is not None:
        yield tampered("generation log", f"Its hash chain is broken from row {broken} on: it was rewritten.")
        return
    first = read_events(rating, EventRow, published.id)[:1]
    head = first[0].detail.get("generation_log") if first else None
    generated = read_events(sealed, SealedEventRow, sealed_study.id)
    if head not in {event.hash for event in generated}:
        yield tampered("generation log", "It does not have the head that was logged at publication.")
        return
    if sealed_study.created_at != generated[0].at:
        yield tampered("generation log", "The study was not frozen at the time in the log.")
        return
    yield valid("generation log", "Its hash chain is valid, and has the head that was logged at publication.")


def _access_log(
    rating: Session, sealed: Session, published: UnparsedStudy, sealed_study: SealedStudy
) -> Iterator[Check]:
    """Compare the unblindings and interim looks noted next to the key with those in the rating database."""
    if broken_link(sealed, SealedEventRow, sealed_study.id) or broken_link(rating, EventRow, published.id):
        return  # a broken chain has its own check
    heads = {event.hash for event in read_events(rating, EventRow, published.id)}
    n_missing = len(looks_at_other_copies(sealed, sealed_study.id, heads))
    if n_missing:
        times = "time" if n_missing == 1 else "times"
        yield tampered(
            "access log",
            f"According to the sealed database, answers were seen by arm {n_missing} {times} more than the "
            "rating database has logged: an older copy of it was restored, or another copy was analysed.",
        )
        return
    yield valid("access log", "Both databases log the same unblindings and interim looks.")


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
        return tampered("key", "The key does not list each published item once.")
    lines = key_lines(texts, key, completions)
    computed = commit(lines, salt=secrets.salt, seed=secrets.seed, study_hash=published.study_hash)
    if computed != published.commitment:
        return tampered(
            "key",
            f"The key hashes to {computed[:16]}…, but the commitment is {published.commitment[:16]}…: arms, "
            "seeds or texts were changed since.",
        )
    return valid("key", f"It hashes to the commitment of the publication, {computed[:16]}….")


def _texts(items: tuple[NewItem, ...], draft: Draft) -> Check:
    """Compare the published texts with those of a draft from the secret seed."""
    drafted = {item.id: item for item in draft.items}
    changed = sum(drafted.get(item.id) != item for item in items)
    if changed or len(items) != len(drafted):
        n = changed or abs(len(drafted) - len(items))
        return tampered("texts", f"{n} of {len(drafted)} texts or prompts are not as they were generated.")
    return valid("texts", f"All {len(items)} texts and prompts are as they were generated.")


def _odd_texts(
    rating: Session, published: UnparsedStudy, key: dict[str, int], completions: list[KeptCompletion]
) -> Check:
    """Check that exactly two of the three texts of each odd-one-out trial are of one arm."""
    arms = {each.id: each.cell.arm for each in completions}
    trials = {
        trial.item_ids
        for booklet in read_booklets(rating, published.id)
        for trial in booklet.trials
        if set(trial.item_ids) <= key.keys()
    }
    wrong = sum(len({arms.get(key[item_id]) for item_id in shown}) != 2 for shown in trials)
    if wrong:
        return tampered(
            "odd texts",
            f"{wrong} of {len(trials)} orders of three texts are not two of one arm and one other.",
        )
    return valid(
        "odd texts", f"All {len(trials)} orders of three texts are two of one arm and one of another."
    )


def _assignment(
    rating: Session, draft: Draft, published: UnparsedStudy, amendments: Sequence[Amended]
) -> Check:
    """Compare the published booklets with those of a draft from the secret seed.

    Another version of the assignment gives other booklets from the same seed, which shows no tampering.
    """
    events = read_events(rating, EventRow, published.id)
    if not events:
        return tampered("assignment", "The log with the version of the assignment is empty.")
    versions = [events[0].detail.get("assignment_version")]
    versions += [each.assignment_version for each in amendments if each.n_booklets_added]
    other = next((version for version in versions if version != ASSIGNMENT_VERSION), ASSIGNMENT_VERSION)
    if other != ASSIGNMENT_VERSION:
        return not_checked(
            "assignment",
            f"Assigned by version {other}, this program has version {ASSIGNMENT_VERSION}. Verify with the "
            "release of rater that published the study.",
        )
    booklets = {booklet.id: booklet for booklet in read_booklets(rating, published.id)}
    assigned = {booklet.id: booklet for booklet in draft.booklets}
    if booklets == assigned:
        return valid("assignment", f"All {len(assigned)} booklets follow from the secret seed.")
    if booklets.keys() == assigned.keys():
        n = sum(booklets[booklet_id] != assigned[booklet_id] for booklet_id in assigned)
        return tampered("assignment", f"{n} of {len(assigned)} booklets do not follow from the secret seed.")
    return tampered("assignment", "Other booklets exist than those that follow from the secret seed.")
