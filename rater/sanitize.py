"""Remove characters from texts that a browser or a terminal would obey instead of show.

Templates escape markup. This module replaces control characters, among them the escape character that
controls a terminal, and Unicode's controls that embed, override or isolate a writing direction (Unicode
Standard Annex 9). A reader sees the replacement character U+FFFD, so that the defect of a text is neither
hidden nor repaired.
"""

import re

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_REPLACED = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters except tab and newline
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\ud800-\udfff\ufffe\uffff"  # lone surrogates and noncharacters
    "]"
)


def sanitize_for_display(text: str) -> str:
    """Return a text with unsafe characters replaced by U+FFFD, and line ends by newlines.

    White space and all other characters stay. Sanitising twice changes nothing.
    """
    if text.isprintable():  # true for most texts, and false for every text with a character to replace
        return text
    return _REPLACED.sub("\ufffd", _LINE_ENDS.sub("\n", text))
