"""Amend a published study: its pages' texts and its number of raters, but nothing that affects results."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.publish.booklets import ASSIGNMENT_VERSION
from rater.publish.draft import draft_publication
from rater.publish.publish import explain_lost_key
from rater.store.engine import disposing, reading, writing
from rater.store.rating.amendments import (
    NewAmendment,
    insert_amendment,
    read_logged_amendments,
    require_amendable,
)
from rater.store.rating.open import open_rating
from rater.store.rating.past_participants import require_known_studies
from rater.store.rating.publication import NewBooklet
from rater.store.rating.studies import PublishedStudy, get_study
from rater.store.sealed.completions import KeptCompletion, read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import find_secrets, get_sealed_study
from rater.study.field_checks import require_kept
from rater.study.fields import names_in
from rater.study.study import Study

_AMENDABLE = re.compile(
    r"(title|consent|content_notice|screening|instructions|thanks|debrief|debrief_immediately|final_comment"
    r"|break_every|auto_advance|endings|recruitment|excluded_studies|invited_only|reassign_after_hours"
    r"|late_raters|translations|accent|logo|devices)\b.*"
    r"|practice\[\d+\]\.(prompt|text|other_texts|feedback|fields\..*)"
    r"|shown_fields\[\d+\]\.label"
    r"|dimensions\[\d+\]\.(question|comment)"
    r"|blinding\.(question|unsure)"
    r"|plan\.(raters|ratings_per_item)"
)
"""The fields that an amendment may change, as paths; everything else is frozen by publication."""
WHAT_CAN = (
    "texts around the trials and questions' wording, screening, breaks, endings, recruitment, the rule for "
    "drop-outs, and more raters"
)


@dataclass(frozen=True)
class AmendedStudy:
    """The result of an amendment."""

    version: int
    changes: tuple[str, ...]
    n_raters_added: int
    log_head: str


@dataclass(frozen=True)
class _Sealed:
    """The parts of a sealed study that an amendment needs."""

    study: Study
    completions: list[KeptCompletion]
    seed: str


@dataclass(frozen=True)
class _Examined:
    """A proposed amendment."""

    published: PublishedStudy
    n_added: tuple[int, ...]
    """The number of booklets that each earlier amendment added."""
    n_more: int
    changes: tuple[str, ...]


def preview(sealed_url: str, rating_url: str, study: Study) -> tuple[str, ...]:
    """Return the fields that an amendment would change, without changing anything.

    Raises:
        StateError: as `amend_study`.
    """
    with explain_lost_key(rating_url, study.name):
        sealed = _read_sealed(sealed_url, study)
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return _examine(session, sealed, study).changes


def amend_study(
    sealed_url: str, rating_url: str, study: Study, *, reason: str, by: str, now: datetime
) -> AmendedStudy:
    """Make a changed declaration the next version of a published study.

    It is compared with the sealed declaration, so it needs access to the sealed database. The sealed
    declaration is not changed, so the study's hash and commitment stay the same.

    Raises:
        StateError: the study is not published or is closed, or what was changed cannot be, or nothing was.
    """
    with explain_lost_key(rating_url, study.name):
        sealed = _read_sealed(sealed_url, study)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        examined = _examine(session, sealed, study)
        new = NewAmendment(
            protocol=study.protocol,
            booklets=_added_booklets(sealed, examined.n_added, examined.n_more) if examined.n_more else (),
            assignment_version=ASSIGNMENT_VERSION if examined.n_more else None,
            changes=examined.changes,
            study_hash=study.hash,
            reason=reason,
            by=by,
        )
        version, head = insert_amendment(session, examined.published.id, new, now=now)
    return AmendedStudy(version, examined.changes, examined.n_more, head)


def _examine(session: Session, sealed: _Sealed, study: Study) -> _Examined:
    """Compare a changed declaration with the published one."""
    published = get_study(session, study.name)
    require_amendable(session, published.id)
    require_known_studies(session, study.protocol, name=study.name)
    n_added = tuple(each.n_booklets_added for each in read_logged_amendments(session, published.id))
    n_more = _more_raters(study, sealed.study.n_raters + sum(n_added))
    changes = _changes(published, study, n_more)
    if not changes:
        msg = f"The study file does not differ from study {study.name!r}; nothing to amend."
        raise StateError(msg)
    return _Examined(published, n_added, n_more, changes)


def _read_sealed(sealed_url: str, changed: Study) -> _Sealed:
    """Read a published study's sealed half, and refuse a declaration that changes frozen fields."""
    name = changed.name
    with disposing(open_sealed(sealed_url)) as engine, reading(engine) as session:
        sealed_study = get_sealed_study(session, name)
        secrets = find_secrets(session, sealed_study.id)
        completions = read_completions(session, sealed_study.id)
    if secrets is None:
        msg = f"Study {name!r} is not published yet: change its file, and run: rater generate FILE"
        raise StateError(msg)
    refused = [
        path for path in changed.changes_from(sealed_study.canonical_json) if not _AMENDABLE.fullmatch(path)
    ]
    if refused:
        msg = (
            f"Study {name!r} cannot be amended in {', '.join(refused)}, which publication has frozen. "
            f"Valid: {WHAT_CAN}. For anything else publish a new study under a new name"
        )
        raise StateError(f"{msg}.")
    study = Study.model_validate_json(sealed_study.canonical_json)
    _require_same_fields(study, changed)
    return _Sealed(study, completions, secrets.seed)


def _require_same_fields(study: Study, changed: Study) -> None:
    """Refuse a question in other words that names other fields of a text than the published one."""
    for index, (before, after) in enumerate(zip(study.dimensions, changed.dimensions, strict=True)):
        published = dict(before.templates)
        for place, template in after.templates:
            try:
                require_kept(
                    f"dimensions[{index}].{place}", names_in(published.get(place, "")), names_in(template)
                )
            except ValueError as error:
                msg = f"Study {study.name!r} cannot be amended: {error}."
                raise StateError(msg) from error


def _more_raters(study: Study, n_booklets: int) -> int:
    if study.n_raters < n_booklets:
        msg = (
            f"plan asks for {study.n_raters} raters, but {n_booklets} booklets are assigned, and raters may "
            f"hold them; valid: at least {n_booklets}"
        )
        raise StateError(f"{msg}.")
    return study.n_raters - n_booklets


def _changes(published: PublishedStudy, study: Study, n_more: int) -> tuple[str, ...]:
    """Name the fields that differ from the version in force."""
    before = published.protocol.model_dump(mode="json")
    after = study.protocol.model_dump(mode="json")
    changed = [name for name in after if before[name] != after[name]]
    return (*changed, "plan.raters") if n_more else tuple(changed)


def _added_booklets(sealed: _Sealed, n_added: Sequence[int], n_more: int) -> Sequence[NewBooklet]:
    before = draft_publication(sealed.study, sealed.completions, sealed.seed, added=n_added)
    after = draft_publication(sealed.study, sealed.completions, sealed.seed, added=(*n_added, n_more))
    known = {booklet.id for booklet in before.booklets}
    return [booklet for booklet in after.booklets if booklet.id not in known]
