"""The analysis under a secret permutation of the arms, which reveals no result.

A set is what the design assigns for one prompt at once: one completion of every arm. Swapping arms inside it
keeps every count of the design, for each rater and prompt. Each set has a permutation of its own, so that
what is left of an effect is noise: one permutation for all of a prompt's texts would keep the size of its
effect, and only hide the sign. All follow from the secret publication seed and the booklets, and so are fixed
at publication: a fresh permutation each time would show, time by time, how much larger the true result is.

The results reveal nothing about the arms. So the pipeline, the exclusions and the report can be tested on
real data while the study is running. This is not an interim look. Files of it are masked and
logged, as exports are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Literal

from rater.publish.seal import derive
from rater.store.engine import disposing, reading
from rater.store.rating.frame import read_holders
from rater.store.rating.open import open_rating
from rater.store.rating.publication import NewBooklet, read_booklets
from rater.store.sealed.completions import Cell
from rater.unblind.join import Joined, collect, join, require_answers
from rater.unblind.verify_key import open_seal
from rater.verify import require_untampered


def permute_arms(
    booklets: Sequence[NewBooklet], cells: Mapping[str, Cell], arms: Sequence[str], seed: str
) -> dict[tuple[str, str], str]:
    """Give each item of each booklet an arm in place of its own. Costs one keyed hash an item.

    Args:
        booklets: As published; attention checks have no cell, and are passed over.
        cells: What each item is, by its id.
        arms: The study's arms.
        seed: The secret publication seed.

    Returns:
        By booklet id and item id, the arm that replaces the item's own.
    """
    new_arms = {}
    for booklet in booklets:
        for place, shown in _sets(booklet, cells):
            swapped = _permute(arms, seed, booklet.id, *place)
            new_arms.update({(booklet.id, item_id): swapped[cells[item_id].arm] for item_id in shown})
    return new_arms


def _sets(booklet: NewBooklet, cells: Mapping[str, Cell]) -> list[tuple[tuple[str | int, ...], list[str]]]:
    """List a booklet's sets, each with its place (prompt, question, number) and its items.

    Items of one prompt and arm go to sets in the order of their samples. Pairs of one prompt stay in one set,
    since each of its arms meets every other.
    """
    found: dict[tuple[str | int, ...], list[str]] = {}
    trials = [trial for trial in booklet.trials if trial.item_id in cells and not trial.is_repeat]
    is_pairwise = any(trial.other_item_id for trial in trials)
    rows = sorted(
        (
            cells[item_id].prompt_index,
            trial.dimension or "",
            cells[item_id].arm,
            cells[item_id].sample,
            item_id,
        )
        for trial in trials
        for item_id in (trial.item_id, trial.other_item_id)
        if item_id is not None
    )
    for (prompt, dimension, _), own in groupby(rows, key=lambda row: row[:3]):
        for number, row in enumerate(own):
            found.setdefault((prompt, dimension, 0 if is_pairwise else number), []).append(row[-1])
    return list(found.items())


def _permute(arms: Sequence[str], seed: str, *place: str | int) -> dict[str, str]:
    """Order the arms by keyed hashes: every order is equally likely, and none tells of another."""
    order = sorted(range(len(arms)), key=lambda index: derive(seed, "permutation", *place, index))
    return {arm: arms[index] for arm, index in zip(arms, order, strict=True)}


@dataclass(frozen=True, kw_only=True)
class Permuted(Joined):
    """Answers with permuted arms; every count of the design is unchanged."""

    label: Literal["permuted"] = "permuted"


def permuted(sealed_url: str, rating_url: str, name: str, *, allow_tampered: bool = False) -> Permuted:
    """Join a study's answers to permuted arms, the same each time; also before the study is closed.

    Raises:
        StateError: the study is not published, or has no answers.
        SealError: the key does not match the commitment, or something was tampered with.
    """
    with disposing(open_rating(rating_url)) as rating:
        opened = open_seal(sealed_url, rating, name)
        tampered = require_untampered(sealed_url, rating_url, name, allow_tampered=allow_tampered)
        with reading(rating) as session:
            collected = collect(session, opened.published.id)
            booklets = read_booklets(session, opened.published.id)
            holders = read_holders(session, opened.published.id)
    require_answers(opened.published, len(collected.answers))
    new_arms = permute_arms(booklets, opened.cells, opened.study.arm_names, opened.seed)
    joined = join(collected, opened, lambda rater, item: new_arms[holders[rater], item], tampered=tampered)
    # the table of texts has the true arms, which a permutation must not reveal
    joined = replace(joined, texts=joined.texts.iloc[:0])
    return Permuted(**{field.name: getattr(joined, field.name) for field in fields(Joined)})
