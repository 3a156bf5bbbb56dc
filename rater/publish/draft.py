"""Work out what will be published: normalised texts under random ids, booklets, and the key to them.

A pure function of the study, its completions and the publication's secret seed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rater.publish.booklets import deal_booklets
from rater.publish.dealt import Completion, Trial
from rater.publish.normalise import published_text
from rater.publish.seal import KeyLine, derive_id, derive_rng
from rater.store.rating.publication import NewBooklet, NewCheck, NewItem, NewTrial
from rater.store.sealed.completions import Cell, KeptCompletion
from rater.study.asides import Check, ShuffledWords
from rater.study.study import Study


@dataclass(frozen=True)
class Draft:
    """A publication before it is written: what raters will see, and what stays sealed."""

    items: list[NewItem]
    """Texts in the order of their random ids, which says nothing; those of attention checks among them."""
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
    check: Check


def draft_publication(
    study: Study, completions: Sequence[KeptCompletion], seed: str, *, added: Sequence[int] = ()
) -> Draft:
    """Draft a study's publication from its completions and the secret seed.

    ``added`` says how many booklets later amendments added, one after the other; those before stay the same.
    """
    ids = {completion.cell: derive_id(seed, "item", *completion.cell) for completion in completions}
    items = [
        NewItem(ids[each.cell], study.prompts[each.cell.prompt_index], published_text(study, each.text))
        for each in completions
    ]
    checks = [_show_check(study, number, items, seed) for number in range(len(study.plan.checks))]
    shown = [*items, *(item for check in checks for item in check.items)]
    return Draft(
        items=sorted(shown, key=lambda item: item.id),
        booklets=sorted(
            _draft_booklets(study, ids, checks, seed, added=added), key=lambda booklet: booklet.id
        ),
        checks=[NewCheck(each.items[0].id, _accepted(each.check)) for each in checks],
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


def _accepted(check: Check) -> tuple[tuple[str, float, float], ...]:
    return tuple((dimension, *ends) for dimension, ends in check.passing.items())


def _show_check(study: Study, number: int, items: Sequence[NewItem], seed: str) -> _ShownCheck:
    check = study.plan.checks[number]
    if isinstance(check, ShuffledWords):
        rng = derive_rng(seed, "check", number)
        source = items[int(rng.integers(len(items)))]
        prompt, texts = source.prompt, [_shuffle_words(source.text, rng)]
    else:
        prompt = check.prompt
        texts = [published_text(study, text) for text in (check.text, check.other_text) if text is not None]
    ids = [derive_id(seed, "check", number, side) for side in range(len(texts))]
    return _ShownCheck(
        items=tuple(
            NewItem(item_id, prompt, text, is_check=True) for item_id, text in zip(ids, texts, strict=True)
        ),
        check=check,
    )


def _shuffle_words(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    return " " + " ".join(words[index] for index in rng.permutation(len(words)))


def _draft_booklets(
    study: Study, ids: Mapping[Cell, str], checks: Sequence[_ShownCheck], seed: str, *, added: Sequence[int]
) -> list[NewBooklet]:
    def new_trial(dealt: Trial) -> NewTrial:
        item_ids = item_ids_of(dealt)
        return NewTrial(
            item_id=item_ids[0],
            other_item_id=item_ids[1] if len(item_ids) > 1 else None,
            dimension=None if dealt.dimension is None else study.dimensions[dealt.dimension].name,
            is_repeat=dealt.is_repeat,
        )

    def item_ids_of(dealt: Trial) -> list[str]:
        if dealt.check is not None:
            return [item.id for item in checks[dealt.check].items]
        return [item_id(completion) for completion in dealt.shown]

    def item_id(completion: Completion) -> str:
        return ids[Cell(completion.prompt, study.arm_names[completion.arm], completion.sample)]

    booklets = deal_booklets(
        study.design,
        derive_rng(seed, "booklets"),
        added=added,
        label_rng=derive_rng(seed, "arms of labels"),
    )
    return [
        NewBooklet(derive_id(seed, "booklet", number), tuple(map(new_trial, booklet)))
        for number, booklet in enumerate(booklets)
    ]
