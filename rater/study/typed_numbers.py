"""Read and write numbers as people type them, in every script and with a decimal point or comma."""

import re
import unicodedata
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,12}(?:[.,][0-9]{1,9})?|[.,][0-9]{1,9})")
# 1,500 means 1.5 to some readers and 1500 to others
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
# what keyboards and other programs write for a minus sign, a decimal point and a decimal comma
_SIGNS = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d", "-"),
        "\uff0b": "+",
        "\uff0e": ".",
        "\uff0c": ",",
        "\u066b": ",",
    }
)


def read_number(typed: str) -> float | None:
    """Return the number that a text is, with a decimal point or comma; None for any other text.

    Digits of every script are read, such as full-width and Arabic ones. Separators between thousands are not.
    """
    written = _in_ascii(typed)
    return float(written.replace(",", ".")) if _NUMBER.fullmatch(written) else None


def may_be_thousands(typed: str) -> bool:
    """Return whether the point or comma of a number may separate thousands, as in 1,500."""
    return _GROUPED.fullmatch(_in_ascii(typed)) is not None


def write_number(value: float) -> str:
    """Return a number in full, so that reading it gives the same number."""
    return format(Decimal(repr(float(value))), "f").removesuffix(".0")


def _in_ascii(typed: str) -> str:
    visible = "".join(sign for sign in typed if unicodedata.category(sign) != "Cf").strip()
    digits = (str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in visible)
    return "".join(digits).translate(_SIGNS)
