"""Hold one thing that was found in ratings before any result, and how much it matters."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["refuse", "warn", "note"]
MAX_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was found in the ratings."""

    level: Level
    code: str
    """A short name that stays, for scripts: ``copies``, ``missing_code``, ``confounded``."""
    message: str
    """A sentence."""
    n: int = 0
    """How many rows, names or answers it is about."""
    examples: tuple[str, ...] = ()


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings: refusals, then warnings, then notes."""
    levels = {"refuse": 0, "warn": 1, "note": 2}
    return tuple(sorted(findings, key=lambda finding: levels[finding.level]))
