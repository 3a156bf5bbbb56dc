"""Static assets with versioned addresses, and a study's accent colour as CSS."""

import hashlib
import re
from colorsys import hls_to_rgb, rgb_to_hls
from functools import lru_cache
from pathlib import Path

STATIC_FOLDER = Path(__file__).parent / "static"


def static_version(folder: Path) -> str:
    """Hash all files of a folder, names included: 12 hexadecimal digits.

    One version for all of them, because the scripts import each other by relative addresses.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:12]


ACCENT = re.compile(r"[0-9a-f]{6}")
_PAPER = {"light": "fcfbf8", "dark": "1d2126"}
"""The background of the accent: the less favourable of the two surfaces of each theme (`rater.css`)."""
_INK = {"light": "ffffff", "dark": "0b0d10"}
"""The colour of text on the accent."""
_TOWARDS = {"light": 0.0, "dark": 1.0}
_ENOUGH = 7.0
"""WCAG 2.2, success criterion 1.4.6."""

Rgb = tuple[float, float, float]


@lru_cache(maxsize=64)
def look_css(accent: str) -> str:
    """Write the style sheet for an accent, as six hexadecimal digits."""
    light, dark = (shade_for(accent, theme) for theme in ("light", "dark"))
    return (
        f":root{{--accent:#{light};--on-accent:#{_INK['light']}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{--accent:#{dark};--on-accent:#{_INK['dark']}}}}}\n"
    )


def shade_for(accent: str, theme: str) -> str:
    """Darken (light theme) or lighten a colour until it can be read on the paper, and be written on.

    Its hue and saturation stay: mixed with white, brown would turn to beige.
    """
    colour, paper, ink = _rgb(accent), _rgb(_PAPER[theme]), _rgb(_INK[theme])
    for step in range(101):
        mixed = _shift(colour, _TOWARDS[theme], step / 100)
        if min(contrast(mixed, paper), contrast(mixed, ink)) >= _ENOUGH:
            return "".join(f"{int(value):02x}" for value in mixed)
    msg = f"no shade of #{accent} can be read in the {theme} theme"
    raise AssertionError(msg)  # black and white can


def contrast(one: Rgb, other: Rgb) -> float:
    """Compute the contrast ratio of two colours (WCAG 2.2), 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: Rgb) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _shift(colour: Rgb, lightness: float, share: float) -> Rgb:
    if share == 0:
        return colour
    red, green, blue = (part / 255 for part in colour)
    hue, before, saturation = rgb_to_hls(red, green, blue)
    red, green, blue = hls_to_rgb(hue, before + (lightness - before) * share, saturation)
    return round(255 * red), round(255 * green), round(255 * blue)


def _rgb(digits: str) -> Rgb:
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
