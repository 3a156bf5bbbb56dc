"""A finding about ratings before any result, and its level: refuse, warn or note."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["refuse", "warn", "note"]
MAX_LISTED = 5


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A finding about the ratings."""

    level: Level
    code: str
    """A stable short name for scripts: ``copies``, ``missing_code``, ``confounded``."""
    message: str
    """A sentence."""
    n: int = 0
    """The number of rows, names or answers concerned."""
    examples: tuple[str, ...] = ()


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Sort findings: refusals, then warnings, then notes."""
    levels = {"refuse": 0, "warn": 1, "note": 2}
    return tuple(sorted(findings, key=lambda finding: levels[finding.level]))
