"""Work out what will be published: normalised texts under random ids, booklets, and the key to them.

A pure function of the study, its completions and the publication's secret seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rater.publish.booklets import Completion, deal_booklets, design_of
from rater.publish.seal import KeyLine, derive_id, derive_rng
from rater.store.rating.studies import NewBooklet, NewItem
from rater.store.sealed.completions import Cell, KeptCompletion
from rater.study.study import Study


@dataclass(frozen=True)
class Draft:
    """A publication before it is written: what raters will see, and what stays sealed."""

    items: list[NewItem]
    """Texts in the order of their random ids, which says nothing."""
    booklets: list[NewBooklet]
    """One for each planned rater, in the order of their random ids."""
    key: dict[str, int]
    """Item id → completion id."""


def draft_publication(study: Study, completions: Sequence[KeptCompletion], seed: str) -> Draft:
    """Draft a study's publication from its completions and the secret seed."""
    ids = {completion.cell: derive_id(seed, "item", *completion.cell) for completion in completions}
    items = [
        NewItem(ids[completion.cell], study.prompts[completion.cell.prompt_index], normalise(completion.text))
        for completion in completions
    ]
    return Draft(
        items=sorted(items, key=lambda item: item.id),
        booklets=sorted(_draft_booklets(study, ids, seed), key=lambda booklet: booklet.id),
        key={ids[completion.cell]: completion.id for completion in completions},
    )


def normalise(text: str) -> str:
    """Cut trailing white space, in every arm alike, so that how a text ends shows less of how it was made.

    NUL, which PostgreSQL cannot keep, becomes the replacement character.
    """
    return text.replace("\0", "\ufffd").rstrip()


def key_lines(
    texts: Mapping[str, str], key: Mapping[str, int], completions: Sequence[KeptCompletion]
) -> list[KeyLine]:
    """List the key for the commitment; ``texts`` maps item ids to texts as published."""
    cells = {completion.id: completion.cell for completion in completions}
    return [
        KeyLine(item_id, *cells[completion_id], text=texts[item_id]) for item_id, completion_id in key.items()
    ]


def _draft_booklets(study: Study, ids: Mapping[Cell, str], seed: str) -> list[NewBooklet]:
    def item_id(dealt: Completion) -> str:
        return ids[Cell(dealt.prompt, study.arm_names[dealt.arm], dealt.sample)]

    booklets = deal_booklets(design_of(study), derive_rng(seed, "booklets"))
    return [
        NewBooklet(derive_id(seed, "booklet", number), tuple(map(item_id, booklet)))
        for number, booklet in enumerate(booklets)
    ]
