"""Results of a sweep: settings, what each does, and the CSV file that keeps them. Needs no torch."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Literal

from rater.errors import ModelError, TableError
from rater.tables import Dialect, read_table
from rater.tables.write import csv_lines, restore_table

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
    coeff: float
    """The coefficient, or the share of the residual norm where the arm declares `relative`."""
    position: PositionName = "front"


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
    score: float | None
    """Occurrences of the given words, or the user's score; None without either."""

    @property
    def effect(self) -> float:
        """The score, or, without one, the change of the next token."""
        return self.kl if self.score is None else self.score

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

    Raises:
        ModelError: the file was measured on something else, is not a sweep's, or cannot be read.
    """

    def __init__(self, path: Path, measured: Mapping[str, str]) -> None:
        self._path, self._about = path, dict(measured)
        self._columns = [*_SETTING, *_MEASURED, *measured]

    def read(self) -> list[SweepOutcome]:
        """Return the outcomes in the file; a last line that a crash cut off is removed."""
        if not self._path.exists():
            return []
        try:
            text = self._path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                self._path.write_text(whole, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{self._path} cannot be read as a sweep ({error}); name another file with --out."
            raise ModelError(msg) from error
        if whole.count("\n") < 2 and whole.strip() in {"", ",".join(self._columns)}:
            return []
        try:
            table = restore_table(read_table(io.StringIO(whole), Dialect(decimal=".")))
        except TableError as error:
            msg = f"{self._path} cannot be read as a sweep ({error}); name another file with --out."
            raise ModelError(msg) from error
        if list(table.columns) != self._columns:
            msg = f"{self._path} is not a file of this kind of sweep; name another file with --out."
            raise ModelError(msg)
        rows = zip(*(map(str, column) for column in table.columns.values()), strict=True)
        return [self._outcome(dict(zip(self._columns, row, strict=True))) for row in rows]

    def append(self, outcome: SweepOutcome) -> None:
        """Append an outcome, in one write.

        Raises:
            ModelError: the file cannot be written.
        """
        setting = outcome.setting
        line = {
            **self._about,
            **{name: "" if setting is None else getattr(setting, name) for name in _SETTING},
            **{name: getattr(outcome, name) for name in _MEASURED},
        }
        header, row = csv_lines(self._columns, [[line[name] for name in self._columns]])
        try:
            is_new = not self._path.exists() or not self._path.stat().st_size
            with self._path.open("a", encoding="utf-8", newline="") as file:
                file.write(header + row if is_new else row)
        except OSError as error:
            kept = " Earlier outcomes are kept in it." if self._path.exists() else ""
            msg = f"{self._path} cannot be written: {error.strerror or error}.{kept}"
            raise ModelError(msg) from error

    def _outcome(self, line: Mapping[str, str]) -> SweepOutcome:
        for name, value in self._about.items():
            if line.get(name) != value:
                msg = (
                    f"{self._path} was measured with {name} {line.get(name)!r}, and this sweep has "
                    f"{value!r}; name another file with --out, or remove it."
                )
                raise ModelError(msg)
        try:
            setting = None
            if line["layer"]:
                setting = SweepSetting(int(line["layer"]), float(line["coeff"]), line["position"])  # type: ignore[arg-type] # as written
            numbers = {name: float(line[name]) if line[name] else None for name in _MEASURED}
        except (ValueError, TypeError) as error:
            msg = f"{self._path} has a line that is not a sweep's: {error}; name another file with --out."
            raise ModelError(msg) from error
        return SweepOutcome(setting=setting, **numbers)  # type: ignore[arg-type] # only the score can be None
