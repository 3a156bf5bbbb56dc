"""The publication under audit, and the marks that must not appear in it: arms, steering texts, seeds."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from rater.store.rating.publication import NewBooklet, NewItem
from rater.store.rating.studies import PublishedStudy
from rater.store.sealed.completions import KeptCompletion
from rater.study.arms import models_needed
from rater.study.study import Study


@dataclass(frozen=True)
class AuditedPublication:
    """A publication and its key."""

    study: Study
    published: PublishedStudy
    items: tuple[NewItem, ...]
    """In the order of their rows."""
    booklets: tuple[NewBooklet, ...]
    arms: dict[str, str]
    """Item id → arm; attention checks have none."""
    seeds: frozenset[int]
    secrets: tuple[str, ...]
    """The publication's seed and salt."""

    @property
    def rated(self) -> list[NewItem]:
        """The completions, without the texts of attention checks."""
        return [item for item in self.items if not item.is_check]

    def completions_in(self, booklet: NewBooklet) -> Iterator[tuple[int, tuple[str, ...]]]:
        """List the positions of first showings in a booklet, with their completions from left to right."""
        for position, trial in enumerate(booklet.trials, start=1):
            if not trial.is_repeat and trial.item_ids[0] in self.arms:
                yield position, trial.item_ids


def arms_of(key: dict[str, int], completions: Iterable[KeptCompletion]) -> dict[str, str]:
    """Return the arm of each item."""
    arms = {completion.id: completion.cell.arm for completion in completions}
    return {item_id: arms[completion_id] for item_id, completion_id in key.items()}


Kind = Literal[
    "arm's name",
    "steering text",
    "hook point",
    "number of an arm",
    "seed",
    "secret of the publication",
    "model's name",
    "study's name",
    "word of the machinery",
]

MACHINERY = (
    "arm", "arms", "coeff", "coeffs", "coefficient", "coefficients", "steer", "steered", "steering",
    "unsteered", "seed", "seeds", "hook", "hooks", "resid",
)  # fmt: skip
"""Words that must not appear in the structure of a page; inside a text they are not a leak."""

MIN_LETTERS, MIN_DIGITS = 3, 5
"""Shorter marks occur everywhere: a coefficient of 5 is also a scale's last point."""

_PLACES_OF_LAYERS = {"at", "act_name"}
_CHOICES = {"kind", "method", "pad", "position", "read", "when"}
"""Fields of an arm whose words are the same for every study."""
_WORDS = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Mark:
    """A string that must not appear where raters look."""

    kind: Kind
    text: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Its letters and digits in lower case, by which it is compared."""
        return words_of(self.text)

    @property
    def is_distinctive(self) -> bool:
        """True if it is long enough to identify an arm."""
        joined = "".join(self.words)
        return len(joined) >= (MIN_DIGITS if joined.isdigit() else MIN_LETTERS)


def words_of(text: str) -> tuple[str, ...]:
    """Split a text into its runs of letters and digits, in lower case."""
    return tuple(_WORDS.findall(text.lower()))


def collect_marks(study: Study, *, seeds: Iterable[int], secrets: Iterable[str]) -> list[Mark]:
    """List a study's marks, each once, including those that are not distinctive."""
    marks = [Mark("word of the machinery", word) for word in MACHINERY]
    marks += [Mark("arm's name", arm.name) for arm in study.arms]
    for arm in (arm for arms in study.concrete_arms for arm in arms):
        for field, value in _leaves(arm.model_dump(mode="json", exclude={"name", "model"})):
            if field not in _CHOICES:
                marks += _marks_of(field, value)
    models = dict.fromkeys([study.model, *models_needed(study.arms, study.model)])
    marks += [Mark("model's name", name) for model in models for name in _model_names(model)]
    marks += [Mark("study's name", study.name), Mark("seed", str(study.sampling.seed))]
    marks += [Mark("seed", str(seed)) for seed in sorted(seeds)]
    marks += [Mark("secret of the publication", secret) for secret in secrets]
    first = {mark.words: mark for mark in reversed(marks)}
    return [mark for mark in marks if first[mark.words] is mark]


def _leaves(value: object, field: str = "") -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, field)
    else:
        yield field, value


def _marks_of(field: str, value: object) -> Iterator[Mark]:
    if value is None or isinstance(value, bool):
        return
    if field in _PLACES_OF_LAYERS:
        yield Mark("hook point", f"blocks.{value}.hook_resid_pre" if isinstance(value, int) else str(value))
    elif isinstance(value, str):
        yield Mark("steering text", value)
    elif isinstance(value, int | float):
        yield Mark("number of an arm", f"{value:g}" if float(f"{value:g}") == value else repr(value))


def _model_names(model: str) -> Iterator[str]:
    """List the forms of a model's name: whole, without its folder, and its family."""
    name = re.split(r"[\\/]", model.rstrip("\\/"))[-1]
    family = words_of(name)[0] if words_of(name) else ""
    yield from dict.fromkeys([model, name, family, family.rstrip("0123456789")])


class Searcher:
    """Finds marks as whole words, regardless of case and of what separates the words."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        distinctive = [mark for mark in marks if mark.is_distinctive]
        self._numbers = {mark.words[0]: mark for mark in distinctive if _is_number(mark)}
        self._texts = {mark.words: mark for mark in distinctive if not _is_number(mark)}
        longest_first = sorted(self._texts, key=lambda words: -len(words))
        phrases = "|".join(r"[\W_]+".join(map(re.escape, words)) for words in longest_first)
        self._pattern = re.compile(rf"(?<![^\W_])(?:{phrases})(?![^\W_])") if phrases else None

    def count(self, text: str) -> Counter[Mark]:
        """Count the marks in a text."""
        lowered = text.lower()
        found: Counter[Mark] = Counter()
        if self._pattern is not None:
            found.update(self._texts[words_of(match.group())] for match in self._pattern.finditer(lowered))
        for match in re.finditer(r"(?<![^\W_])[0-9]{5,}(?![^\W_])", lowered):
            if match.group() in self._numbers:
                found[self._numbers[match.group()]] += 1
        return found


def _is_number(mark: Mark) -> bool:
    return len(mark.words) == 1 and mark.words[0].isdecimal()
