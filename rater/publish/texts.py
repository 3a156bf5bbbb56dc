"""Texts before publication: normalisation, lengths, and duplicate texts."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

from rater.errors import StateError
from rater.rendering.shown import displayed_text, visible_text
from rater.study.arms import ExternalCompletions
from rater.study.conversation import read_replies, write_replies
from rater.study.external_completions import read_external_completions
from rater.study.fields import REFERENCE
from rater.study.study import Study

if TYPE_CHECKING:
    from rater.store.rating.publication import NewBooklet, NewItem
    from rater.store.sealed.completions import KeptCompletion


_SENTENCE_END = re.compile(r"[.!?…。\uff01\uff1f]+[\"'”’»)\]]*(?=\s|$)")


def published_text(study: Study, text: str) -> str:
    """Return a completion's text as raters see it: without hidden reasoning; a conversation turn by turn."""
    cut = study.cut_unfinished_sentence
    if study.rated_part != "conversation":
        return normalise(displayed_text(study, text), cut_unfinished_sentence=cut)
    replies = (displayed_text(study, reply) for reply in read_replies(text))
    return write_replies(normalise(reply, cut_unfinished_sentence=cut) for reply in replies)


def normalise(text: str, *, cut_unfinished_sentence: bool) -> str:
    """Cut trailing white space and, if the study asks for it, a last sentence that does not end.

    A text without the end of any sentence stays whole. NUL, which PostgreSQL cannot keep, becomes the
    replacement character.
    """
    clean = text.replace("\0", "\ufffd").rstrip()
    if not cut_unfinished_sentence:
        return clean
    ends = [match.end() for match in _SENTENCE_END.finditer(clean)]
    return clean[: ends[-1]] if ends else clean


def references_of(study: Study, completions: "Iterable[KeptCompletion]") -> dict[int, str]:
    """Return the text of the reference arm that raters see with each item, by the item's number."""
    return {
        each.cell.prompt_index: published_text(study, each.text)
        for each in completions
        if study.is_reference(each.cell.arm, each.cell.sample)
    }


def rated_completions(study: Study, completions: "Iterable[KeptCompletion]") -> "list[KeptCompletion]":
    """Return the completions that raters judge: all but references."""
    return [each for each in completions if not study.is_reference(each.cell.arm, each.cell.sample)]


def fields_with_reference(study: Study, item: int, references: Mapping[int, str]) -> dict[str, str]:
    """Return the fields of an item as raters see them, with the text of the reference arm."""
    reference = {REFERENCE: references[item]} if item in references else {}
    return {**study.rated_items[item].fields, **reference}


def require_different_references(study: Study, completions: "Sequence[KeptCompletion]") -> None:
    """Refuse a reference that equals a rated text of its item: it would be rated against itself.

    Raises:
        StateError: there are such.
    """
    references = references_of(study, completions)
    same = [
        each
        for each in rated_completions(study, completions)
        if published_text(study, each.text) == references.get(each.cell.prompt_index)
    ]
    if same:
        cell = same[0].cell
        msg = (
            f"Study {study.name!r} is not published: {len(same)} of its texts equal the reference of their "
            f"prompt, such as one of arm {cell.arm} for {study.prompts[cell.prompt_index]!r}, so that a text "
            "would be compared with itself. Raise sampling.max_new_tokens or sampling.temperature, or set "
            "another sampling.seed, and run rater generate FILE --restart."
        )
        raise StateError(msg)


def known_lengths(study: Study, folder: Path) -> dict[str, float]:
    """Return the mean number of characters of each arm's texts, for the arms whose texts come from files.

    Args:
        study: what declares them.
        folder: where the study file is.

    Raises:
        StudyError: a file changed since the study was loaded.
    """
    read = {
        arm.name: read_external_completions(
            arm,
            folder,
            study.rated_items,
            samples_per_prompt=study.n_samples_of(arm.name),
            rated=study.rated_part,
        ).texts.values()
        for arm in study.arms
        if isinstance(arm, ExternalCompletions)
    }
    protocol = study.protocol
    return {
        arm: mean(len(visible_text(protocol, published_text(study, text))) for text in texts)
        for arm, texts in read.items()
    }


@dataclass(frozen=True)
class SharedTexts:
    """Texts that two arms have in common on the same prompt."""

    first: str
    second: str
    n_shared: int
    n_texts: int
    """The number of texts of each arm."""

    @property
    def is_whole(self) -> bool:
        """True if both arms have exactly the same texts."""
        return self.n_shared == self.n_texts > 0


@dataclass(frozen=True)
class SameTexts:
    """Counts of texts that are equal to others of the same prompt."""

    shared: tuple[SharedTexts, ...] = ()
    """The pairs of arms that share texts."""
    repeated: tuple[tuple[str, int, int], ...] = ()
    """Arm, number of its texts that an earlier one of the same prompt equals, and number of its texts."""
    n_equal_pairs: int = 0
    """Of the pairs of texts that booklets show together, those with the same text twice."""
    n_pairs: int = 0

    @property
    def identical(self) -> tuple[SharedTexts, ...]:
        """The pairs of arms with exactly the same texts."""
        return tuple(each for each in self.shared if each.is_whole)


def count_generated(study: Study, completions: "Iterable[KeptCompletion]") -> SameTexts:
    """Count equal texts among completions, as raters would see them."""
    texts = [
        (each.cell.arm, study.prompts[each.cell.prompt_index], published_text(study, each.text))
        for each in rated_completions(study, completions)
    ]
    return count_same_texts(texts, study.arm_names)


def count_same_texts(texts: Iterable[tuple[str, str, str]], arms: Sequence[str]) -> SameTexts:
    """Count equal texts, given by arm, prompt and text; one is matched with one of another arm at most."""
    by_arm: dict[str, Counter[tuple[str, str]]] = {arm: Counter() for arm in arms}
    for arm, prompt, text in texts:
        by_arm[arm][prompt, text] += 1
    shared = []
    for first, second in combinations(by_arm, 2):
        n_shared = (by_arm[first] & by_arm[second]).total()
        if n_shared:
            n_texts = max(by_arm[first].total(), by_arm[second].total())
            shared.append(SharedTexts(first, second, n_shared, n_texts))
    repeated = [(arm, counts.total() - len(counts), counts.total()) for arm, counts in by_arm.items()]
    return SameTexts(tuple(shared), tuple(each for each in repeated if each[1]))


def with_pairs(same: SameTexts, items: "Sequence[NewItem]", booklets: "Sequence[NewBooklet]") -> SameTexts:
    """Add how many of the pairs of texts that booklets show together have the same text twice."""
    n_equal, n_pairs = count_equal_pairs(items, booklets)
    return replace(same, n_equal_pairs=n_equal, n_pairs=n_pairs)


def count_equal_pairs(items: "Sequence[NewItem]", booklets: "Sequence[NewBooklet]") -> tuple[int, int]:
    """Count the different pairs of texts that booklets show together, and those with the same text twice."""
    texts = {item.id: item.text for item in items}
    pairs = {
        frozenset(pair)
        for booklet in booklets
        for trial in booklet.trials
        for pair in combinations(trial.item_ids, 2)
    }
    n_equal = sum(len({texts[item_id] for item_id in pair}) == 1 for pair in pairs)
    return n_equal, len(pairs)


def describe_same_texts(same: SameTexts) -> list[str]:
    """Describe equal texts, in a sentence each."""
    sentences = [
        f"Arms {each.first} and {each.second} have exactly the same texts: nothing differs between them."
        if each.is_whole
        else f"Arms {each.first} and {each.second} share {each.n_shared} of {each.n_texts} texts "
        "(the same text of the same prompt)."
        for each in same.shared
    ]
    sentences += [
        f"In arm {arm} {n} of {of} texts repeat another text of the same prompt."
        for arm, n, of in same.repeated
    ]
    if same.n_equal_pairs:
        sentences.append(
            f"{same.n_equal_pairs} of {same.n_pairs} pairs of texts in the same trial are equal."
        )
    return sentences


def require_different_arms(study: Study, same: SameTexts) -> None:
    """Refuse two arms with the same texts throughout, unless the study declares that they may have them.

    Raises:
        StateError: there are such.
    """
    if study.allow_identical_arms or not same.identical:
        return
    named = "; ".join(f"{each.first} and {each.second}" for each in same.identical)
    msg = (
        f"Study {study.name!r} is not published: these arms have exactly the same texts: {named}. Raters "
        "would compare copies. Check what the arms add (see rater status and rater compare). If this is "
        "intended, declare allow_identical_arms=True and run rater generate FILE again."
    )
    raise StateError(msg)
