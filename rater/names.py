"""Compare names as people see them, and recognise values that identify nobody.

Two names are equal if they look the same: Unicode has several codes for one letter (NFC unifies them),
characters without a width, and many kinds of blanks. Case matters, since platforms' identifiers depend on it.

A platform may fail to fill in an identifier in a link. Then the link contains a template
(``{{%PROLIFIC_PID%}}``, ``${e://Field/ID}``, ``[participantId]``), a word for nothing (``undefined``), or
nothing visible, and the visitor is not identified.
"""

import html
import re
import unicodedata
from enum import StrEnum
from urllib.parse import unquote

# Default_Ignorable_Code_Point of Unicode that are not in category Cf, and the blank Braille pattern
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0") | {
    chr(code) for code in range(0xFE00, 0xFE10)
}
# a link that went through several services may have been percent-encoded by each of them
_MAX_DECODINGS = 4


class Unnamed(StrEnum):
    """The reason why a value identifies nobody."""

    ABSENT = "not there"
    BLANK = "blank"
    TEMPLATE = "a placeholder that was not filled in"
    NOTHING = "a word for nothing"
    MALFORMED = "not of the form that this site's identifiers have"


_NOTHING = frozenset(
    {
        "undefined",
        "null",
        "none",
        "nan",
        "nil",
        "na",
        "n/a",
        "n.a.",
        "not available",
        "not set",
        "false",
        "empty",
        "missing",
        "unknown",
        "anonymous",
        "anon",
        "void",
        "object object",
    }
)
# characters that wrap the name of a variable in a template language, and are in no site's identifiers
_TEMPLATE_SIGNS = re.compile(
    r"[%\uff05]+\s*[A-Za-z_]|[{}\[\]<>\xab\xbb\u2039\u203a$^`\uff1c\uff1e\uff5b\uff5d\uff3b\uff3d\uff04]"
)
_WRAPPED = (
    re.compile(r"([#@:!~*+&=|])\1*[\w .-]+\1+"),  # #ID#, @@ID@@, :id:
    re.compile(r"__\w+?__"),
    re.compile(r"\*\|.*\|\*"),  # Mailchimp
    re.compile(r"\(+[\w .-]+\)+"),
    re.compile(r"[:@#&][A-Za-z_][\w.-]*"),  # :participantId, @pid
)
_FILL_IN = re.compile(
    r"(your|insert|enter|replace|paste|put|add|fill|the|my)([ _.-]+\w+)*[ _.-]+(here|id|pid|code|in)"
    r"|(.*[ _-])?not[ _-]available"  # MTurk's preview: ASSIGNMENT_ID_NOT_AVAILABLE
    r"|(replace|change)[ _-]?me|to ?do|tbd|placeholder|x{3,}"
)


def normalise_name(text: str) -> str:
    """Return a name in the form by which names are compared: as it looks, in NFC, without blanks around it.

    Invisible characters are left out, and each run of blanks, of whatever kind, is one space.
    """
    if text.isascii():  # true for most names, of which there may be a million
        return " ".join(text.split())
    visible = "".join(
        each
        for each in unicodedata.normalize("NFC", text)
        if each not in _INVISIBLE and unicodedata.category(each) != "Cf"
    )
    # again: an invisible character may have separated a letter from its accent
    return " ".join(unicodedata.normalize("NFC", visible).split())


def why_unnamed(value: str, *, parameter: str) -> Unnamed | None:
    """Return why the value of a link's parameter identifies nobody; None if it may be an identifier.

    Args:
        value: The value, percent-decoded once, as every server does.
        parameter: The parameter's name; a value equal to it is a placeholder too.
    """
    name = normalise_name(value)
    if not any(each.isalnum() for each in name):
        return Unnamed.TEMPLATE if is_template(name) else Unnamed.BLANK
    decoded = normalise_name(_decode(name))
    if decoded.strip("\"'()<>[]{} ").casefold() in _NOTHING:
        return Unnamed.NOTHING
    is_own_name = _letters(decoded) == _letters(parameter)
    if is_own_name or is_template(name) or _FILL_IN.fullmatch(decoded.casefold()):
        return Unnamed.TEMPLATE
    return None if any(each.isalnum() for each in decoded) else Unnamed.BLANK


def is_template(value: str) -> bool:
    """Return whether a value looks like a template that was not filled in, percent-encoded or not."""
    text = normalise_name(_decode(normalise_name(value)))
    return bool(_TEMPLATE_SIGNS.search(text)) or any(form.fullmatch(text) for form in _WRAPPED)


def _decode(text: str) -> str:
    for _ in range(_MAX_DECODINGS):
        decoded = html.unescape(unquote(text, errors="replace"))
        if decoded == text:
            break
        text = decoded
    return text


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()
