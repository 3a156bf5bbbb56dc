"""A metric: a function from texts to values, which sees a prompt, a text and its fields and never an arm."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from rater.errors import StudyError

NO_NUMBER = "not a finite number"


@dataclass(frozen=True)
class Shown:
    """The prompt, text and fields that a metric is given: what raters see of a text, and nothing else."""

    prompt: str
    text: str
    fields: Mapping[str, str] = field(default_factory=dict)
    """The fields of the text's item, by name."""


Unit: TypeAlias = tuple[Shown, ...]
"""The text that a metric values, or the two texts of a pair in the order in which it is given them."""


@dataclass(frozen=True)
class Measured:
    """The value of a metric for one unit, or the reason why there is none."""

    value: float | None
    reason: str = ""
    """Empty where there is a value."""
    reply: str | None = None
    """The raw reply of a judge, or the label of a classifier."""
    columns: Mapping[str, object] = field(default_factory=dict)
    """Further results by the ending of their column, for data frames; they are not stored."""

    def __post_init__(self) -> None:
        # a value that is missing for no reason, or has one, would be a bug of a metric of ours
        assert (self.value is None) == bool(self.reason), self  # noqa: S101


class Metric(ABC):
    """A metric of texts.

    A metric of one's own is a function of texts (`FunctionMetric`), or a subclass where it needs prompts or
    fields as well. `measure` is given units of `n_texts` texts.
    """

    kind: ClassVar[str]
    """The kind of metric, as it is stored."""
    n_texts: int = 1
    """The number of texts of a unit: 1, or 2 for a judge of pairs."""
    dimension: str | None = None
    """The dimension whose question a judge answers; None for another metric."""
    ending: ClassVar[str] = ""
    """The ending of the column of the value in a data frame, after the metric's name."""

    @property
    @abstractmethod
    def definition(self) -> Mapping[str, object]:
        """Everything that determines a value, as JSON; no keys of a server."""

    def __call__(self, texts: Sequence[str], prompts: Sequence[str] = ()) -> list[float | None]:
        """Return the value of each text, None where it has none; a metric is a function of texts.

        Args:
            texts: The texts.
            prompts: The prompt of each text; empty prompts without it.
        """
        known = prompts or [""] * len(texts)
        units = [(Shown(prompt, text),) for prompt, text in zip(known, texts, strict=True)]
        found = dict(self.measure(units))
        return [found[index].value for index in range(len(units))]

    @property
    def description(self) -> str:
        """The value of a text in words, for readers of a report."""
        return str(self.definition.get("metric", self.kind))

    @property
    def caution(self) -> str:
        """A doubt about the blinding of the metric, for readers of a report; empty if there is none."""
        return ""

    @abstractmethod
    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Yield the index and the measurement of each unit, in any order, as soon as there is one.

        Raises:
            RaterError: the metric cannot be measured at all, such as a server that refuses the key.
        """


class TextMetric(Metric):
    """A metric of each text by itself, from a function of one text.

    Args:
        function: Returns a number, or None with a reason where a text has none.
        name: The name in the definition.
        settings: What else determines a value.
        description: The value in words.
    """

    kind: ClassVar[str] = "text"

    def __init__(
        self,
        function: Callable[[str], float | str],
        name: str,
        settings: Mapping[str, object] | None = None,
        *,
        description: str = "",
    ) -> None:
        self._function, self._name, self._settings = function, name, dict(settings or {})
        self._description = description or name

    @property
    def description(self) -> str:
        """The value in words."""
        return self._description

    @property
    def definition(self) -> Mapping[str, object]:
        """The name and the settings."""
        return {"metric": self._name, **self._settings}

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Yield the measurement of each text in turn; a text instead of a number is the reason for none."""
        for index, unit in enumerate(units):
            found = self._function(unit[0].text)
            yield index, Measured(None, found) if isinstance(found, str) else Measured(float(found))


class FunctionMetric(Metric):
    """A metric of one's own: a function from a list of texts to as many values.

    A value is a number, None for no value, or a mapping of them by name, whose ``value`` is the metric's.

    Args:
        function: The function.
        name: Its name, for messages and the definition.
        source: A digest of its source code, where it is stored.
    """

    kind: ClassVar[str] = "function"
    _AT_ONCE = 256

    def __init__(self, function: Callable[[list[str]], Any], name: str, *, source: str = "") -> None:
        self._function, self._name, self._source = function, name, source

    @property
    def definition(self) -> Mapping[str, object]:
        """The name, and the digest of the source code."""
        return {"metric": self._name, **({"source": self._source} if self._source else {})}

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        """Call the function on up to 256 texts at a time.

        Raises:
            StudyError: the function fails, or returns another number of values than it was given texts.
        """
        for start in range(0, len(units), self._AT_ONCE):
            texts = [unit[0].text for unit in units[start : start + self._AT_ONCE]]
            try:
                values = list(self._function(texts))
            except Exception as error:  # the function is the user's
                msg = f"The metric {self._name!r} failed: {type(error).__name__}: {error}"
                raise StudyError(msg) from error
            if len(values) != len(texts):
                msg = (
                    f"The metric {self._name!r} returned {len(values)} values for {len(texts)} texts; valid: "
                    "one value for each text, in their order"
                )
                raise StudyError(msg)
            for index, value in enumerate(values, start):
                yield index, self._read(value)

    def _read(self, value: object) -> Measured:
        if isinstance(value, Mapping):
            columns = {f"_{name}": each for name, each in value.items() if name != "value"}
            found = self._read(value.get("value"))
            return Measured(found.value, found.reason, columns=columns)
        if value is None:
            return Measured(None, "the metric gave no value")
        try:
            number = float(value)  # type: ignore[arg-type] # whatever a user's function returns
        except (TypeError, ValueError) as error:
            msg = f"The metric {self._name!r} returned {value!r}; valid: numbers, None, or mappings of them"
            raise StudyError(msg) from error
        return Measured(number) if math.isfinite(number) else Measured(None, NO_NUMBER)
