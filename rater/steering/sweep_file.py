"""Keep a sweep's outcomes in a CSV file as they come, so that an interrupted sweep goes on."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from rater.errors import ModelError
from rater.steering.sweep import Outcome, Setting

_SETTING = ("layer", "coeff", "position")
_MEASURED = ("kl", "ratio", "nll", "repetition", "n_words", "hits")


class SweepFile:
    """A CSV file of outcomes: one line each, and columns that say what the sweep was of.

    Args:
        path: the file; it is made if it is not there.
        about: what all lines are of, such as the study's hash; a file about something else is refused.

    Raises:
        ModelError: the file is about something else, is no sweep's, or cannot be read.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        self._path, self._about = path, dict(about)
        self._columns = [*_SETTING, *_MEASURED, *about]

    def read(self) -> list[Outcome]:
        """Read the outcomes that are there; a last line that was cut off by a crash is taken away."""
        if not self._path.exists():
            return []
        try:
            text = self._path.read_text(encoding="utf-8")
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                self._path.write_text(whole, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            msg = f"{self._path} cannot be read as a sweep ({error}); name another file."
            raise ModelError(msg) from error
        reader = csv.DictReader(io.StringIO(whole))
        return [self._outcome(line) for line in reader]

    def append(self, outcome: Outcome) -> None:
        """Write an outcome to the end, in one piece.

        Raises:
            ModelError: the file cannot be written.
        """
        setting = outcome.setting
        line = {
            **self._about,
            **{name: "" if setting is None else getattr(setting, name) for name in _SETTING},
            **{name: getattr(outcome, name) for name in _MEASURED},
        }
        written = io.StringIO()
        writer = csv.DictWriter(written, self._columns, lineterminator="\n")
        try:
            if not self._path.exists() or not self._path.stat().st_size:
                writer.writeheader()
            writer.writerow(line)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(written.getvalue())
        except OSError as error:
            kept = " What was measured before is kept in it." if self._path.exists() else ""
            msg = f"{self._path} cannot be written: {error.strerror or error}.{kept}"
            raise ModelError(msg) from error

    def _outcome(self, line: Mapping[str, str]) -> Outcome:
        for name, value in self._about.items():
            if line.get(name) != value:
                msg = (
                    f"{self._path} is a sweep with {name} {line.get(name)!r}, but this one has {value!r}; "
                    "name another file, or remove it."
                )
                raise ModelError(msg)
        setting = None
        if line["layer"]:
            setting = Setting(int(line["layer"]), float(line["coeff"]), line["position"])  # type: ignore[arg-type] # as written
        numbers = {name: float(line[name]) if line[name] else None for name in _MEASURED}
        return Outcome(setting=setting, **numbers)  # type: ignore[arg-type] # only hits can be None
