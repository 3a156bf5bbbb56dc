"""Results of a sweep: settings, what each does, and the CSV file that keeps them. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Literal

from rater.steering.measurement_file import MeasurementFile

PositionName = Literal["front", "mid", "back"]
MAX_NLL_RISE = 1.0
"""In nats per token, over the unsteered model's own texts."""
MAX_REPETITION_RISE = 1 / 3
"""As a share of the text's runs of three tokens, over the unsteered model's own texts."""
_SETTING = ("layer", "coeff", "position")
_MEASURED = ("kl", "ratio", "nll", "repetition", "n_words", "score")


@dataclass(frozen=True)
class SweepSetting:
    """A layer, a coefficient and a position of an arm's additions."""

    layer: int
    """Layer number; the addition is made before this block."""
    coeff: float
    """The coefficient, or the share of the residual norm where the arm declares `relative`."""
    position: PositionName = "front"
    """Position in the prompt, where the arm adds to the prompt."""


@dataclass(frozen=True)
class PromptOutcome:
    """The effects of a setting on one prompt; means over its samples."""

    setting: SweepSetting | None
    """None for the unsteered model."""
    prompt: str
    """The prompt."""
    kl: float
    """As in `SweepOutcome`."""
    nll: float
    """As in `SweepOutcome`."""
    repetition: float
    """As in `SweepOutcome`."""
    n_words: float
    """As in `SweepOutcome`."""
    score: float | None
    """As in `SweepOutcome`."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """As in `SweepOutcome`."""

    @property
    def effect(self) -> float:
        """The score, or, without one, the change of the next token."""
        return self.kl if self.score is None else self.score


@dataclass(frozen=True)
class SweepText:
    """One completion of a setting."""

    setting: SweepSetting | None
    """None for the unsteered model."""
    prompt: str
    """The prompt."""
    sample: int
    """Number of the completion of this prompt, from 0; all settings share its random numbers."""
    text: str
    """The completion."""


@dataclass(frozen=True)
class SweepOutcome:
    """The effects of a setting over all prompts and samples; means, unless stated otherwise."""

    setting: SweepSetting | None
    """None for the unsteered model."""
    kl: float
    """KL divergence of the steered next-token distribution from the unsteered one, in nats."""
    ratio: float
    """The largest norm of the addition over text tokens, as a share of the residual stream's."""
    nll: float
    """Negative log-likelihood of the completion under the unsteered model, in nats per token."""
    repetition: float
    """The share of runs of three tokens that occurred before in the completion."""
    n_words: float
    """Number of words of the completion."""
    score: float | None
    """Occurrences of the given words, or the user's score; None without either."""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    """Further metrics of the texts by name, over the texts that have a value; None where none has."""
    effectiveness: float | None = None
    """The change of the log probability of the given next tokens, in nats; None where none are given."""
    disruption: float | None = None
    """The change within those tokens and within all others, in nats; None where none are given."""
    text_logprob: float | None = None
    """The log probability of the given texts under the setting, in nats per token; None without texts."""
    by_prompt: tuple[PromptOutcome, ...] = ()
    """The effects on each prompt; empty for an outcome from a file."""
    texts: tuple[SweepText, ...] = ()
    """The completions, if they are kept."""

    @property
    def effect(self) -> float:
        """The score; without one, the log probability of given texts; or the change of the next token."""
        if self.score is not None:
            return self.score
        return self.kl if self.text_logprob is None else self.text_logprob

    def is_degenerate(self, unsteered: "SweepOutcome") -> bool:
        """Return whether texts are far less likely, or far more repetitive, than unsteered ones."""
        return (
            self.nll > unsteered.nll + MAX_NLL_RISE
            or self.repetition > unsteered.repetition + MAX_REPETITION_RISE
        )


def all_settings(
    layers: Sequence[int], coeffs: Sequence[float], positions: Sequence[PositionName]
) -> list[SweepSetting]:
    """Combine layers, coefficients and positions."""
    return [SweepSetting(*each) for each in product(layers, coeffs, positions)]


def suggest(outcomes: Sequence[SweepOutcome]) -> SweepOutcome | None:
    """Return the setting with the largest effect among those whose text is not degenerate.

    Args:
        outcomes: the settings' outcomes and the unsteered model's.

    Returns:
        None if no such setting has a larger effect than the unsteered model.
    """
    unsteered = next(outcome for outcome in outcomes if outcome.setting is None)
    usable = [each for each in outcomes if each.setting is not None and not each.is_degenerate(unsteered)]
    best = max(usable, key=lambda outcome: outcome.effect, default=None)
    return best if best is not None and best.effect > unsteered.effect else None


class SweepFile:
    """A CSV file of outcomes: one line each, and columns that describe what was measured.

    Args:
        path: the file; it is created if it is missing.
        measured: what all lines were measured on, such as the model and the arm; a file with other values is
            refused.
    """

    def __init__(self, path: Path, measured: Mapping[str, str]) -> None:
        self._file = MeasurementFile(path, [*_SETTING, *_MEASURED], measured, "sweep")

    def read(self) -> list[SweepOutcome]:
        """Return the outcomes in the file; a last line that a crash cut off is removed.

        Raises:
            ModelError: the file was measured on something else, is not a sweep's, or cannot be read.
        """
        return [self._outcome(line) for line in self._file.read()]

    def append(self, outcome: SweepOutcome) -> None:
        """Append an outcome, in one write.

        Raises:
            ModelError: the file cannot be written.
        """
        setting = outcome.setting
        placed = {name: "" if setting is None else getattr(setting, name) for name in _SETTING}
        self._file.append([{**placed, **{name: getattr(outcome, name) for name in _MEASURED}}])

    def _outcome(self, line: Mapping[str, str]) -> SweepOutcome:
        setting = _setting_of(line, self._file)
        try:
            numbers = {name: float(line[name]) if line[name] else None for name in _MEASURED}
        except (ValueError, TypeError) as error:
            raise self._file.damaged(error) from error
        return SweepOutcome(setting=setting, **numbers)  # type: ignore[arg-type] # only the score can be None


def _setting_of(line: Mapping[str, str], file: MeasurementFile) -> SweepSetting | None:
    try:
        if not line["layer"]:
            return None
        return SweepSetting(int(line["layer"]), float(line["coeff"]), line["position"])  # type: ignore[arg-type] # as written
    except (ValueError, TypeError) as error:
        raise file.damaged(error) from error


_OF_PROMPT = ("prompt", "kl", "nll", "repetition", "n_words", "score")
_OF_TEXT = ("prompt", "sample", "text")


class SweepDetailsFile:
    """A CSV file with the outcomes of each prompt, or with the texts, next to the file of a sweep.

    Args:
        path: The file; it is created if it is missing.
        measured: As in `SweepFile`.
        kind: The rows: ``prompts`` or ``texts``.
    """

    def __init__(self, path: Path, measured: Mapping[str, str], kind: Literal["prompts", "texts"]) -> None:
        self._kind, self._columns = kind, _OF_PROMPT if kind == "prompts" else _OF_TEXT
        self._file = MeasurementFile(path, [*_SETTING, *self._columns], measured, "sweep")

    def append(self, outcome: SweepOutcome) -> None:
        """Append the rows of a setting.

        Raises:
            ModelError: the file cannot be written.
        """
        placed = {name: getattr(outcome.setting, name, "") for name in _SETTING}
        rows: Sequence[PromptOutcome | SweepText] = (
            outcome.by_prompt if self._kind == "prompts" else outcome.texts
        )
        self._file.append(
            [{**placed, **{name: getattr(row, name) for name in self._columns}} for row in rows]
        )

    def read_settings(self) -> set[SweepSetting | None]:
        """Return the settings in the file.

        Raises:
            ModelError: as `read_prompts`.
        """
        return {_setting_of(line, self._file) for line in self._file.read()}

    def read_prompts(self) -> list[PromptOutcome]:
        """Return the outcomes by prompt; the last one of a setting counts, if it was measured twice.

        Raises:
            ModelError: the file was measured on something else, is not a sweep's, or cannot be read.
        """
        found: dict[tuple[SweepSetting | None, str], PromptOutcome] = {}
        for line in self._file.read():
            try:
                numbers = {name: float(line[name]) if line[name] else None for name in _OF_PROMPT[1:]}
                setting = _setting_of(line, self._file)
                found[setting, line["prompt"]] = PromptOutcome(setting, line["prompt"], **numbers)  # type: ignore[arg-type] # only the score can be None
            except (ValueError, TypeError) as error:
                raise self._file.damaged(error) from error
        return list(found.values())
