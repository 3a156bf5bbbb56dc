"""Draw the package's layers from the import contracts in pyproject.toml.

python tools/draw_layers.py [FILE]    # `make reference` writes docs/images/layers.svg; a test compares it
"""

import sys
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs" / "images" / "layers.svg"
_WIDTH, _ROW, _BOX, _GAP, _MARGIN = 760, 46, 30, 10, 16
_LETTER = 8  # the width of a letter of a 13-pixel sans-serif font, rounded up
_FILLS = {"rater": ("#dbe8f6", "#17508f"), "analysis": ("#e3efdd", "#3c6b2a"), "": ("#f1efe9", "#7f868f")}
_LEGEND = {
    "rater": "cannot import arms or the sealed database",
    "analysis": "takes a data frame and a plan: imports no database, web or steering",
    "": "all other packages",
}


def draw() -> str:
    """Return the figure as SVG: a row for each layer, which may import the rows below it only."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    by_name = {each["name"]: each for each in contracts["contracts"]}
    rows = [layer.split(" | ") for layer in by_name["The flow has one direction"]["layers"]]
    kinds = _sources(by_name["The analysis takes a data frame and a plan"], "analysis")
    kinds |= _sources(by_name["What raters touch cannot know an arm"], "rater")
    height = len(rows) * _ROW + _MARGIN + 24 * len(_LEGEND) + 36
    font = 'font-family="system-ui, Roboto, \'Liberation Sans\', sans-serif" font-size="13"'
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        f"<title>{len(rows)} layers; each row may import the rows below it</title>",
        f'<rect width="{_WIDTH}" height="{height}" rx="8" fill="#ffffff"/>',
        f'<path d="M18 {_MARGIN + 6}v{len(rows) * _ROW - 24}m-5 -8l5 8l5 -8" stroke="#494f57" fill="none"/>',
    ]
    for number, packages in enumerate(rows):
        parts += _row(_MARGIN + number * _ROW, packages, kinds)
    top = _MARGIN + len(rows) * _ROW + 28
    parts.append(_text(36, top - 12, "Each row may import the rows below it."))
    for number, (kind, meaning) in enumerate(_LEGEND.items()):
        parts += _legend(top + 24 * number, kind, meaning)
    return "\n".join([*parts, "</svg>", ""])


def _sources(contract: dict[str, list[str]], kind: str) -> dict[str, str]:
    return {module.removeprefix("rater."): kind for module in contract["source_modules"]}


def _row(top: int, packages: list[str], kinds: dict[str, str]) -> list[str]:
    widths = [int(len(name) * _LETTER) + 22 for name in packages]
    left = (_WIDTH + 24 - sum(widths) - _GAP * (len(widths) - 1)) // 2
    parts = []
    for name, width in zip(packages, widths, strict=True):
        fill, line = _FILLS[kinds.get(name, "")]
        place = f'x="{left}" y="{top}" width="{width}" height="{_BOX}"'
        parts += [
            f'<rect {place} rx="5" fill="{fill}" stroke="{line}"/>',
            _text(left + width // 2, top + 20, name, 'text-anchor="middle" '),
        ]
        left += width + _GAP
    return parts


def _legend(top: int, kind: str, meaning: str) -> list[str]:
    fill, line = _FILLS[kind]
    return [
        f'<rect x="36" y="{top}" width="22" height="14" rx="3" fill="{fill}" stroke="{line}"/>',
        _text(68, top + 12, meaning),
    ]


def _text(left: int, base: int, words: str, attributes: str = "") -> str:
    return f'<text x="{left}" y="{base}" {attributes}fill="#1e2227">{escape(words)}</text>'


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else FILE).write_text(draw(), encoding="utf-8")
