"""Run an audit of a study, drafted or published."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from rater.audit.cues import measure_cues
from rater.audit.findings import Audit, Hit, Severity, find_confounds
from rater.audit.leaks import find_separating_fields, scan_bytes, scan_tables
from rater.audit.marks import AuditedPublication, Mark, Searcher, arms_of, collect_marks
from rater.audit.page_structure import Crawler, Reply, StudyContent, skeleton_of, structure_of
from rater.audit.preview import previewing
from rater.errors import SealError, StateError
from rater.publish.draft import PreparedPublication, prepare_publication
from rater.publish.publish import explain_lost_key, lost_key, write_rating
from rater.publish.texts import count_same_texts, require_different_arms, with_pairs
from rater.rendering.shown import shown_key
from rater.store.engine import disposing, reading, sqlite_path
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.publication import read_booklets, read_items
from rater.store.rating.studies import find_study
from rater.store.sealed.completions import read_completions, read_seeds
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import find_secrets, get_sealed_study, read_key
from rater.study.confounds import Confound, require_declared
from rater.study.fields import PROMPT
from rater.study.study import Study
from rater.temp_files import temporary_folder

MAX_TRIALS = 60
"""A sample is enough: trial pages differ only by their text, and every text is searched in the database."""


def conduct_audit(audited: AuditedPublication, rating: Engine, rating_url: str) -> Audit:
    """Audit a publication in a rating database. Takes a few seconds, most of them for the pages.

    Raises:
        StateError: the preview cannot be served or walked.
    """
    marks = collect_marks(audited.study, seeds=audited.seeds, secrets=audited.secrets)
    searcher = Searcher(marks)
    path = sqlite_path(rating_url)
    with reading(rating) as session:
        tables = scan_tables(session, audited.published.id, searcher)
        raw = None if path is None else scan_bytes(session, path, marks)
    with temporary_folder("rater-audit-") as folder:
        replies, others, n_trials = _crawl(audited, folder)
    shown = _content_of(audited)
    hits = [*tables.hits, *(raw.hits if raw else []), *_search_pages(replies, others, shown, searcher)]
    hits += find_separating_fields(audited)
    skeletons = _skeletons(audited, replies, shown)
    rated = [(audited.arms[item.id], item.prompt, item.text) for item in audited.rated]
    return Audit(
        hits=tuple(sorted(hits, key=lambda hit: (hit.severity != "structure", hit.place, hit.mark))),
        cues=tuple(measure_cues(audited, skeletons, np.random.default_rng(0))),
        not_searched=tuple(dict.fromkeys(f"{m.kind} {m.text!r}" for m in marks if not m.is_distinctive)),
        n_marks=sum(mark.is_distinctive for mark in marks),
        n_cells=tables.n_cells,
        n_bytes=raw.n_bytes if raw else None,
        n_pages=len(replies),
        n_trials_crawled=n_trials,
        same=with_pairs(count_same_texts(rated, audited.study.arm_names), audited.items, audited.booklets),
        declared=audited.study.confounds,
        n_trials=len({item_id for booklet in audited.booklets for item_id in booklet.item_ids}),
    )


def _content_of(audited: AuditedPublication) -> StudyContent:
    protocol = audited.published.protocol
    authored = [{PROMPT: each.prompt, **each.fields} for each in protocol.practice]
    items = {item.declared: {PROMPT: item.prompt, **item.fields} for item in audited.items}
    texts = [part for item in audited.items for part in (item.prompt, item.text, *item.fields.values())]
    return StudyContent(protocol, texts, [*items.values(), *authored])


def _crawl(audited: AuditedPublication, folder: Path) -> tuple[list[Reply], list[Reply], int]:
    """Crawl the study and the decoy study."""
    with previewing(audited, folder) as preview:
        crawler = Crawler(preview.address, preview.slug)
        n_trials = crawler.crawl(n_booklets=len(audited.booklets), max_trials=MAX_TRIALS)
        if not n_trials:
            msg = "The preview showed no text to rate, so the pages of raters could not be searched."
            raise StateError(msg)
        decoy = Crawler(preview.address, preview.decoy_slug)
        decoy.crawl(n_booklets=1, max_trials=MAX_TRIALS)
    return crawler.replies, decoy.replies, n_trials


def _search_pages(
    replies: list[Reply], others: list[Reply], shown: StudyContent, searcher: Searcher
) -> list[Hit]:
    own = {mark for reply in others for mark in searcher.count(structure_of(reply, shown))}
    found: Counter[tuple[Mark, str]] = Counter()
    for reply in replies:
        found.update((mark, reply.place) for mark in searcher.count(structure_of(reply, shown)))
    return [
        Hit(_severity(mark, own), mark.kind, mark.text, f"page {place}", count)
        for (mark, place), count in found.items()
    ]


def _severity(mark: Mark, own: set[Mark]) -> Severity:
    """Return the severity of a mark on a page; an everyday word that the decoy shows too is the app's."""
    is_everyday = len(mark.words) == 1 and mark.words[0].isalpha() and mark.kind != "word of the machinery"
    return "own" if mark in own and is_everyday else "structure"


def _skeletons(audited: AuditedPublication, replies: list[Reply], shown: StudyContent) -> Mapping[str, str]:
    """Map the items shown to their pages' skeletons; equal texts share one, since they reveal nothing."""
    protocol = audited.published.protocol
    by_text = {shown_key(protocol, item.prompt, item.text)[1]: item.id for item in audited.items}
    return {
        by_text[reply.text]: skeleton_of(reply, shown)
        for reply in replies
        if reply.text is not None and reply.text in by_text and reply.status == 200
    }


def audit_study(sealed_url: str, rating_url: str, name: str, *, now: datetime) -> Audit:
    """Audit a study: its publication where it has one, else a draft with secrets of its own.

    Takes a few seconds; neither database is written to.

    Raises:
        StateError: it is not wholly generated.
        SealError: it is published, but the sealed database has no key to it.
    """
    path = sqlite_path(rating_url)
    if path is None or path.is_file():
        with disposing(open_rating(rating_url)) as rating:
            with explain_lost_key(rating_url, name):
                audited = _find_audited(sealed_url, rating, name)
            if audited is not None:
                return conduct_audit(audited, rating, rating_url)
    return audit_draft(sealed_url, prepare_publication(sealed_url, name, now=now))


def _find_audited(sealed_url: str, rating: Engine, name: str) -> AuditedPublication | None:
    """Read a publication and its key; None where there is none."""
    with reading(rating) as session:
        published = find_study(session, name)
        if published is None:
            return None
        items, booklets = read_items(session, published.id), read_booklets(session, published.id)
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        secrets = find_secrets(session, kept.id)
        arms = arms_of(read_key(session, kept.id), read_completions(session, kept.id))
        seeds = read_seeds(session, kept.id)
    if secrets is None or arms.keys() != {item.id for item in items if not item.is_check}:
        raise SealError(lost_key(published))
    return AuditedPublication(
        study=Study.model_validate_json(kept.canonical_json),
        published=published,
        items=items,
        booklets=booklets,
        arms=arms,
        seeds=frozenset(seeds),
        secrets=(secrets.seed, secrets.salt),
    )


def require_clean(audit: Audit, study: Study) -> None:
    """Refuse a publication that would reveal an arm.

    Raises:
        StateError: something in it would reveal an arm, or two arms have the same texts throughout.
    """
    if audit.is_refused:
        msg = (
            f"Study {study.name!r} is not published: what the audit lists would reveal its arms. "
            f"Rename or remove it in the study file, and list all of it with: rater audit {study.name}"
        )
        raise StateError(msg)
    require_different_arms(study, audit.same)


def audit_draft(sealed_url: str, prepared: PreparedPublication) -> Audit:
    """Audit a draft of a publication in a temporary rating database."""
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        seeds = read_seeds(session, prepared.kept.id)
    with temporary_folder("rater-draft-") as folder:
        url = f"sqlite:///{folder / 'draft.db'}"
        with disposing(create_rating(url)) as rating:
            published = write_rating(rating, prepared)
            audited = AuditedPublication(
                study=prepared.study,
                published=published,
                items=tuple(prepared.draft.items),
                booklets=tuple(prepared.draft.booklets),
                arms=arms_of(prepared.draft.key, prepared.completions),
                seeds=frozenset(seeds),
                secrets=(prepared.secrets.seed, prepared.secrets.salt),
            )
            return conduct_audit(audited, rating, url)


def find_allowed_confounds(
    sealed_url: str, prepared: PreparedPublication, *, acknowledge_confounds: bool
) -> tuple[Confound, ...]:
    """Audit a draft of a publication, and return its confounds.

    Raises:
        StateError: it would reveal an arm, two arms have the same texts throughout, or confounds are neither
            declared in the study file nor acknowledged.
    """
    audit = audit_draft(sealed_url, prepared)
    require_clean(audit, prepared.study)
    confounds = find_confounds(audit, prepared.study)
    if not acknowledge_confounds:
        require_declared(confounds, prepared.study)
    return confounds
