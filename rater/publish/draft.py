"""Draft a publication: texts under random ids, booklets and the key.

A pure function of the study, its completions and the publication's secret seed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.publish.booklets import assign_booklets
from rater.publish.seal import KeyLine, commit, derive_id, derive_rng, derive_slug, new_secret
from rater.publish.texts import (
    fields_with_reference,
    published_text,
    rated_completions,
    references_of,
    require_different_references,
)
from rater.publish.trials import CompletionIndex, Trial
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.rating.publication import NewBooklet, NewCheck, NewItem, NewTrial
from rater.store.rating.studies import PublishedStudy
from rater.store.sealed.completions import Cell, KeptCompletion, digest_completions, read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.store.sealed.studies import SealedStudy, Secrets, find_secrets, get_sealed_study
from rater.study.conversation import read_replies, write_replies
from rater.study.practice_and_checks import DeclaredCheck, ShuffledWords
from rater.study.state import State
from rater.study.study import Study


@dataclass(frozen=True)
class Draft:
    """A publication before it is written: the part for raters and the sealed key."""

    items: list[NewItem]
    """Texts, including attention checks, in the order of their random ids."""
    booklets: list[NewBooklet]
    """One for each planned rater, in the order of their random ids."""
    checks: list[NewCheck]
    """The answers that pass the attention checks."""
    key: dict[str, int]
    """Item id → completion id; attention checks have none."""


@dataclass(frozen=True)
class _ShownCheck:
    """An attention check with its texts, from left to right."""

    items: tuple[NewItem, ...]
    check: DeclaredCheck


def draft_publication(
    study: Study, completions: Sequence[KeptCompletion], seed: str, *, added: Sequence[int] = ()
) -> Draft:
    """Draft a study's publication from its completions and the secret seed.

    ``added`` has the number of booklets of each later amendment, in order; earlier booklets stay the same.
    """
    references = references_of(study, completions)
    completions = rated_completions(study, completions)
    ids = {completion.cell: derive_id(seed, "item", *completion.cell) for completion in completions}
    declared = study.rated_items
    items = [
        NewItem(
            ids[each.cell],
            declared[each.cell.prompt_index].prompt,
            published_text(study, each.text),
            fields=fields_with_reference(study, each.cell.prompt_index, references),
        )
        for each in completions
    ]
    checks = [_show_check(study, number, items, seed) for number in range(len(study.plan.checks))]
    shown = [*items, *(item for check in checks for item in check.items)]
    return Draft(
        items=sorted(shown, key=lambda item: item.id),
        booklets=sorted(
            _draft_booklets(study, ids, checks, seed, added=added), key=lambda booklet: booklet.id
        ),
        checks=[
            NewCheck(each.items[0].id, tuple((name, *ends) for name, ends in each.check.passing.items()))
            for each in checks
        ],
        key={ids[completion.cell]: completion.id for completion in completions},
    )


def key_lines(
    texts: Mapping[str, str], key: Mapping[str, int], completions: Sequence[KeptCompletion]
) -> list[KeyLine]:
    """List the key for the commitment; ``texts`` maps item ids to texts as published."""
    cells = {completion.id: completion.cell for completion in completions}
    return [
        KeyLine(item_id, *cells[completion_id], text=texts[item_id]) for item_id, completion_id in key.items()
    ]


def _show_check(study: Study, number: int, items: Sequence[NewItem], seed: str) -> _ShownCheck:
    check = study.plan.checks[number]
    if isinstance(check, ShuffledWords):
        rng = derive_rng(seed, "check", number)
        source = items[int(rng.integers(len(items)))]
        prompt, fields = source.prompt, source.fields
        texts = [_shuffled(study, source.text, rng)]
    else:
        shown = check.filled
        prompt, fields = shown.prompt, shown.fields
        texts = [published_text(study, text) for text in shown.texts]
    ids = [derive_id(seed, "check", number, side) for side in range(len(texts))]
    return _ShownCheck(
        items=tuple(
            NewItem(item_id, prompt, text, is_check=True, fields=fields)
            for item_id, text in zip(ids, texts, strict=True)
        ),
        check=check,
    )


def _shuffled(study: Study, text: str, rng: np.random.Generator) -> str:
    """Return a text with its words in random order; of a whole conversation, within each turn."""

    def shuffle(text: str) -> str:
        words = text.split()
        return " ".join(words[index] for index in rng.permutation(len(words)))

    if study.rated_part == "conversation":
        return write_replies(map(shuffle, read_replies(text)))
    return " " + shuffle(text)


def _draft_booklets(
    study: Study, ids: Mapping[Cell, str], checks: Sequence[_ShownCheck], seed: str, *, added: Sequence[int]
) -> list[NewBooklet]:
    def new_trial(trial: Trial) -> NewTrial:
        return NewTrial(
            item_ids=item_ids_of(trial),
            dimension=None if trial.dimension is None else study.dimensions[trial.dimension].name,
            is_repeat=trial.is_repeat,
        )

    def item_ids_of(trial: Trial) -> tuple[str, ...]:
        if trial.check is not None:
            return tuple(item.id for item in checks[trial.check].items)
        return tuple(item_id(completion) for completion in trial.shown)

    def item_id(completion: CompletionIndex) -> str:
        return ids[Cell(completion.prompt, study.arm_names[completion.arm], completion.sample)]

    booklets = assign_booklets(
        study.design,
        derive_rng(seed, "booklets"),
        added=added,
        label_rng=derive_rng(seed, "arms of labels"),
    )
    return [
        NewBooklet(derive_id(seed, "booklet", number), tuple(map(new_trial, booklet)))
        for number, booklet in enumerate(booklets)
    ]


@dataclass(frozen=True)
class PreparedPublication:
    """A publication before any of it is written."""

    kept: SealedStudy
    study: Study
    completions: list[KeptCompletion]
    """Those that raters judge."""
    draft: Draft
    secrets: Secrets
    is_sealed: bool
    """True if an interrupted publication has already stored the secrets."""
    generation_head: str
    """The head of the log of the study's generation."""
    completions_digest: str
    """The salted digest of every column of the completions."""
    is_published: bool
    """True if it is published already, by the log of its generation."""

    @property
    def published(self) -> PublishedStudy:
        """The study for the rating database."""
        return PublishedStudy(
            id=0,
            name=self.study.name,
            slug=derive_slug(self.secrets.seed),
            state=State.PUBLISHED,
            protocol=self.study.protocol,
            study_hash=self.study.hash,
            commitment=self.secrets.commitment,
            published_at=self.secrets.published_at,
        )


def prepare_publication(
    sealed_url: str, name: str, *, now: datetime, draw_secret: Callable[[], str] = new_secret
) -> PreparedPublication:
    """Draft a generated study's publication; nothing is written. Costs five queries.

    Raises:
        StateError: it is not generated, or not wholly.
    """
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        study = Study.model_validate_json(kept.canonical_json)
        completions = _read_whole(session, kept, study)
        known = find_secrets(session, kept.id)
        events = read_events(session, SealedEventRow, kept.id)
        seed = known.seed if known else draw_secret()
        salt = known.salt if known else draw_secret()
        digest = digest_completions(session, kept.id, salt=salt)
    require_different_references(study, completions)
    draft = draft_publication(study, completions, seed)
    return PreparedPublication(
        kept=kept,
        study=study,
        completions=rated_completions(study, completions),
        draft=draft,
        secrets=known or _commit_to(draft, completions, seed=seed, salt=salt, study=study, now=now),
        is_sealed=known is not None,
        generation_head=events[-1].hash,
        completions_digest=digest,
        is_published=any(event.kind == State.PUBLISHED for event in events),
    )


def _read_whole(session: Session, kept: SealedStudy, study: Study) -> list[KeptCompletion]:
    completions = read_completions(session, kept.id)
    missing = study.n_completions - len(completions)
    if missing:
        msg = (
            f"Study {study.name!r} has {len(completions)} of {study.n_completions} completions. "
            "Generate the rest first. Run: rater generate FILE"
        )
        raise StateError(msg)
    return completions


def _commit_to(
    draft: Draft, completions: list[KeptCompletion], *, seed: str, salt: str, study: Study, now: datetime
) -> Secrets:
    texts = {item.id: item.text for item in draft.items}
    lines = key_lines(texts, draft.key, completions)
    commitment = commit(lines, salt=salt, seed=seed, study_hash=study.hash)
    return Secrets(seed=seed, salt=salt, commitment=commitment, published_at=now)
