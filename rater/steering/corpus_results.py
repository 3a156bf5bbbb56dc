"""Results of a corpus: effects on texts, their means by label, and the CSV file that keeps them. No torch."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from rater.errors import ModelError
from rater.steering.measurement_file import MeasurementFile
from rater.steering.sweep_results import SweepSetting

_SETTING = ("layer", "coeff", "position")
_TEXT = ("label", "text", "n_tokens", "logprob_unsteered", "logprob_steered")
_N_RESAMPLES = 2_000
_QUANTILES = (0.025, 0.975)


@dataclass(frozen=True)
class TextChange:
    """The change of a text's log-probability at one setting."""

    setting: SweepSetting | str
    """The setting; or the name of an arm that has none, such as a prompted one."""
    label: str
    """Label of the text."""
    text: int
    """Number of the text among those of its label, from 0."""
    n_tokens: int
    """Number of tokens that are counted."""
    logprob_unsteered: float
    """Sum of their natural-log probabilities without steering."""
    logprob_steered: float
    """Sum of their natural-log probabilities with steering."""

    @property
    def change(self) -> float:
        """The sum with steering minus that without, in nats."""
        return self.logprob_steered - self.logprob_unsteered


@dataclass(frozen=True)
class CorpusOutcome:
    """The effect of a setting on the texts of one label."""

    setting: SweepSetting | str
    """The setting; or the name of an arm that has none, such as a prompted one."""
    label: str
    """Label of the texts."""
    n_texts: int
    """Number of texts."""
    n_tokens: int
    """Number of tokens of all texts that are counted."""
    mean_change: float
    """Mean change of a token's log-probability by steering, in nats; each token counts once."""
    low: float | None
    """Lower end of the 95% bootstrap interval of the perplexity ratio, over texts; None for a single text."""
    high: float | None
    """Upper end of that interval."""

    @property
    def perplexity_ratio(self) -> float:
        """The perplexity with steering, divided by that without: exp(−mean change)."""
        return math.exp(-self.mean_change)


def summarise_corpus(changes: Iterable[TextChange], *, seed: int = 0) -> list[CorpusOutcome]:
    """Return the mean change by setting and label, in the order of their first text.

    The interval is a percentile bootstrap with 2,000 resamples of whole texts, since the tokens of a text
    depend on each other. Its random numbers depend on the seed alone.

    Args:
        changes: The changes of texts.
        seed: The seed of the bootstrap.

    Raises:
        ModelError: a text has no token that is counted.
    """
    grouped: dict[tuple[SweepSetting | str, str], list[TextChange]] = {}
    for each in changes:
        if each.n_tokens < 1:
            raise nothing_counted(each.label, each.text)
        grouped.setdefault((each.setting, each.label), []).append(each)
    return [_outcome(setting, label, texts, seed) for (setting, label), texts in grouped.items()]


def nothing_counted(label: str, number: int) -> ModelError:
    """Return the error for a text without a token that is counted."""
    return ModelError(
        f"Text {number} of label {label!r} has no token that is counted, since something is added to all "
        "tokens that predict one; valid: longer texts, shorter additions, counting='all' or spaced=True."
    )


def _outcome(
    setting: SweepSetting | str, label: str, texts: Sequence[TextChange], seed: int
) -> CorpusOutcome:
    sums = np.array([each.change for each in texts])
    counts = np.array([each.n_tokens for each in texts])
    low, high = _interval(sums, counts, seed) if len(texts) > 1 else (None, None)
    return CorpusOutcome(
        setting, label, len(texts), int(counts.sum()), float(sums.sum() / counts.sum()), low, high
    )


def _interval(sums: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], seed: int) -> tuple[float, float]:
    """Return the interval of the perplexity ratio."""
    rng = np.random.Generator(np.random.Philox(seed))
    chosen = rng.integers(len(sums), size=(_N_RESAMPLES, len(sums)))
    ratios = np.exp(-sums[chosen].sum(1) / counts[chosen].sum(1))
    low, high = np.quantile(ratios, _QUANTILES)
    return float(low), float(high)


class CorpusFile:
    """A CSV file of text changes: the texts of a setting together, so that a setting is there or not.

    Args:
        path: the file; it is created if it is missing.
        measured: what all lines were measured on; a file with other values is refused.
        n_texts: the number of texts of a complete setting.
    """

    def __init__(self, path: Path, measured: Mapping[str, str], n_texts: int) -> None:
        columns = ["arm", *_SETTING, *_TEXT]
        self._file, self._n_texts = MeasurementFile(path, columns, measured, "corpus"), n_texts

    def read(self) -> dict[SweepSetting | str, list[TextChange]]:
        """Return the changes of each complete setting; those of one that a crash cut off are left out.

        Raises:
            ModelError: the file was measured on something else, is not a corpus's, or cannot be read.
        """
        found: dict[SweepSetting | str, dict[tuple[str, int], TextChange]] = {}
        for line in self._file.read():
            change = self._change(line)
            # the lines of a setting that was measured again after a crash replace those before
            found.setdefault(change.setting, {})[change.label, change.text] = change
        return {
            setting: list(texts.values()) for setting, texts in found.items() if len(texts) == self._n_texts
        }

    def append(self, changes: Sequence[TextChange]) -> None:
        """Append the changes of a setting, in one write.

        Raises:
            ModelError: the file cannot be written.
        """
        self._file.append([_line(each) for each in changes])

    def _change(self, line: Mapping[str, str]) -> TextChange:
        try:
            setting: SweepSetting | str = line["arm"]
            if line["layer"]:
                setting = SweepSetting(int(line["layer"]), float(line["coeff"]), line["position"])  # type: ignore[arg-type] # as written
            return TextChange(
                setting,
                line["label"],
                int(line["text"]),
                int(line["n_tokens"]),
                float(line["logprob_unsteered"]),
                float(line["logprob_steered"]),
            )
        except (ValueError, TypeError) as error:
            raise self._file.damaged(error) from error


def _line(change: TextChange) -> dict[str, object]:
    setting = change.setting
    placed = (
        {"arm": setting, **dict.fromkeys(_SETTING, "")}
        if isinstance(setting, str)
        else {"arm": "", **{name: getattr(setting, name) for name in _SETTING}}
    )
    return {**placed, **{name: getattr(change, name) for name in _TEXT}}
