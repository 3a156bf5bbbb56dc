"""Fonts for the names in a study's figures, and numbers for names that no installed font can show.

matplotlib's own font, DejaVu Sans, has Latin, Greek, Cyrillic and Arabic letters, and no Chinese, Japanese,
Korean, Devanagari or Thai ones. Fonts that are installed are searched where it lacks letters, and only then,
so that figures of other studies are the same bytes on every machine.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

BASE_FONT = "DejaVu Sans"
_NOT_DRAWN = frozenset({"Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
"""Unicode categories of characters without a glyph of their own."""
_MAX_LISTED = 12
UNKNOWN = "□"
"""Replaces letters that are missing from all fonts, except in names."""


@dataclass(frozen=True)
class FontPlan:
    """The fonts of a set of figures, and the substitutes for names that no font can show."""

    families: tuple[str, ...] = (BASE_FONT,)
    substitutes: Mapping[str, str] = field(default_factory=dict)
    """Name → number: ``基线模型`` → ``arm 1``."""
    missing: str = ""
    """The letters that are missing from all fonts."""

    def show(self, text: str) -> str:
        """Replace names and letters that no font can show."""
        if not self.missing:
            return text
        for name in sorted(self.substitutes, key=len, reverse=True):
            text = text.replace(name, self.substitutes[name])
        return text.translate(dict.fromkeys(map(ord, self.missing), UNKNOWN))

    @property
    def remark(self) -> str:
        """A remark for readers of the figures; empty if no letter is missing."""
        if not self.missing:
            return ""
        letters = "".join(self.missing[:_MAX_LISTED]) + ("…" if len(self.missing) > _MAX_LISTED else "")
        arms = [
            f"{number} = {name}" for name, number in self.substitutes.items() if number.startswith("arm ")
        ]
        listed = "; ".join(arms[:_MAX_LISTED]) or "all of them are listed at the end of the report"
        substitution = (
            f"names are numbered in figures ({listed})" if self.substitutes else f"figures show {UNKNOWN}"
        )
        return (
            f"No installed font has the letters {letters}, so {substitution}. Install a font with these "
            "letters, such as Noto Sans or Noto Sans CJK, and write the report again."
        )


_PLAIN = FontPlan()
_PLAN: ContextVar[FontPlan] = ContextVar("font plan", default=_PLAIN)


@contextmanager
def using(plan: FontPlan) -> Iterator[None]:
    """Use a font plan in a block."""
    token = _PLAN.set(plan)
    try:
        yield
    finally:
        _PLAN.reset(token)


def current_plan() -> FontPlan:
    """Return the current font plan."""
    return _PLAN.get()


def plan_fonts(
    names: Mapping[str, Sequence[str]], texts: Iterable[str] = (), *, files: Sequence[str] | None = None
) -> FontPlan:
    """Choose fonts for the names and other texts of a set of figures.

    Costs nothing where matplotlib's own font has all letters; else it opens every font that is installed.

    Args:
        names: what is numbered if no font has its letters, by what the number is called: arm, prompt, rater.
        texts: Other texts in the figures.
        files: the font files to choose from; by default those that are installed.
    """
    every = [*(name for group in names.values() for name in group), *texts]
    letters = {letter for letter in "".join(every) if unicodedata.category(letter) not in _NOT_DRAWN}
    missing = letters - _covered(str(font_manager.findfont(BASE_FONT)), letters)
    if not missing:
        return FontPlan()
    families = [BASE_FONT]
    installed = font_manager.findSystemFonts(fontext="ttf") if files is None else files
    candidates = _ranked(missing, sorted(installed))
    for file in candidates:
        covered = _covered(file, missing)
        if covered:
            families.append(_family(file))
            missing -= covered
        if not missing:
            break
    return FontPlan(
        families=tuple(dict.fromkeys(families)),
        substitutes=_number(names, missing),
        missing="".join(sorted(missing)),
    )


def _number(names: Mapping[str, Sequence[str]], missing: set[str]) -> dict[str, str]:
    """Number the names with a missing letter, by their position among all names."""
    return {
        name: f"{noun} {place}"
        for noun, group in names.items()
        for place, name in enumerate(dict.fromkeys(group), 1)
        if missing & set(name)
    }


def _ranked(letters: set[str], files: Sequence[str]) -> list[str]:
    """Sort fonts by the number of letters that they have, with regular sans-serif fonts first among ties."""
    covered = {file: len(_covered(file, letters)) for file in files}
    return sorted(
        (file for file, n in covered.items() if n), key=lambda file: (-covered[file], _is_odd(file), file)
    )


def _is_odd(file: str) -> tuple[bool, bool]:
    name = Path(file).stem.lower()
    return "sans" not in name, not ("regular" in name or "-" not in name)


def _covered(file: str, letters: set[str]) -> set[str]:
    font = _open(file)
    return set() if font is None else {letter for letter in letters if font.get_char_index(ord(letter))}


@cache
def _open(file: str) -> FT2Font | None:
    """Open a font; None if matplotlib cannot draw it, e.g. bitmap emoji."""
    try:
        font = FT2Font(file)
    except (RuntimeError, OSError, NotImplementedError):
        return None
    return None if not font.scalable or "last resort" in font.family_name.lower() else font


def _family(file: str) -> str:
    """Register a font with matplotlib, whose font list may be older, and return the family name."""
    font_manager.fontManager.addfont(file)
    font = _open(file)
    assert font is not None  # noqa: S101 (it was opened before)
    return str(font.family_name)
