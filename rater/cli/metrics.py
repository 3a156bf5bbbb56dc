"""Measures of texts on the command line: counted words, or a user's own function."""

import hashlib
import importlib.util
import inspect
import json
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from rater.errors import RaterError, StudyError
from rater.name_lists import split_names


@dataclass(frozen=True)
class Scoring:
    """A measure of a completion's text."""

    label: str
    """The name of the measure in tables and figures."""
    digest: str
    """A text that identifies the measure, so that a file never mixes two measures."""
    function: Callable[[str], float]


def split_words(words: str, *, option: str = "--words") -> list[str]:
    """Return the words of a comma-separated list (quoted as in CSV), sorted and without repetitions.

    Raises:
        StudyError: the list is empty or malformed.
    """
    try:
        return sorted(set(split_names(words)))
    except RaterError as error:
        msg = f"{option} is {words!r}; valid: comma-separated words, such as love,joy"
        raise StudyError(msg) from error


def count(words: str) -> Scoring:
    """Return a measure that counts words from a comma-separated list (quoted as in CSV).

    Raises:
        StudyError: the list is empty or malformed.
    """
    counted = split_words(words)

    def count_them(text: str) -> float:
        from rater.steering.words import count_words

        return count_words(text, counted)

    listed = ", ".join(counted)
    return Scoring(f"occurrences of {listed} in a text", f"words: {listed}", count_them)


def classify(model: str, positive: list[str] | None) -> Scoring:
    """Return a measure: the probability of some labels by a text-classification model.

    The model is loaded with the first text.
    """
    from rater.measure.classifiers import Classifier

    metric = Classifier(model, positive)

    def score(text: str) -> float:
        (value,) = metric([text])
        assert value is not None  # noqa: S101 (a classifier values every text)
        return value

    return Scoring(metric.description, f"classifier: {json.dumps(metric.definition)}", score)


def load_score(spec: str, *, option: str = "--score") -> Scoring:
    """Return the user's measure: a function from a text to a number.

    Args:
        spec: ``FILE.py:function`` or ``module:function``; modules may also be in the current folder.
        option: The option that it was given with, for messages.

    Raises:
        StudyError: the function does not exist, or fails on a test text.
    """
    place, _, name = spec.rpartition(":")
    if not place or not name.isidentifier():
        msg = f"{option} is {spec!r}; valid: a file or module and a function, such as scores.py:formality"
        raise StudyError(msg)
    found: Any = getattr(_import(spec, place, option), name, None)
    if not callable(found):
        msg = f"{option} is {spec!r}, but {place} has no function {name!r}"
        raise StudyError(msg)
    source = inspect.getsource(found) if inspect.isfunction(found) else spec
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    return Scoring(f"mean {name} of a text", f"{spec} ({digest})", _checked(spec, found, option))


def _checked(spec: str, function: Callable[[str], Any], option: str) -> Callable[[str], float]:
    def score(text: str) -> float:
        try:
            value = float(function(text))
        except Exception as error:  # the function is the user's
            msg = f"{option} {spec} failed on the text {text[:60]!r}: {type(error).__name__}: {error}"
            raise StudyError(msg) from error
        if not math.isfinite(value):
            msg = f"{option} {spec} is {value} for the text {text[:60]!r}; valid: a finite number"
            raise StudyError(msg)
        return value

    score("A text to test the function with.")
    return score


def _import(spec: str, place: str, option: str) -> ModuleType:
    try:
        if not place.endswith(".py"):
            sys.path.insert(0, str(Path.cwd()))
            try:
                return import_module(place)
            finally:
                sys.path.pop(0)
        described = importlib.util.spec_from_file_location("_rater_score", place)
        if described is None or described.loader is None:
            msg = f"{option} is {spec!r}, but {place} cannot be imported"
            raise StudyError(msg)
        module = importlib.util.module_from_spec(described)
        described.loader.exec_module(module)
    except StudyError:
        raise
    except Exception as error:  # the module is the user's
        msg = f"{option} is {spec!r}, but {place} cannot be imported: {type(error).__name__}: {error}"
        raise StudyError(msg) from error
    return module
