"""Make a text harmless to show, in a browser or a terminal: without characters that these obey.

Escaping markup is the templates' business. What is left are characters that are dropped, refused or obeyed:
control characters (among them the escape that steers a terminal), and the Unicode controls that embed,
override or isolate a writing direction. A rater sees the replacement character instead: a text's brokenness
is neither hidden nor repaired.
"""

import re

_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_HARMFUL = re.compile(
    "["
    "\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters but tab and newline
    "\u202a-\u202e\u2066-\u2069"  # bidirectional embeddings, overrides and isolates
    "\ud800-\udfff\ufffe\uffff"  # lone surrogates and noncharacters
    "]"
)


def harmless(text: str) -> str:
    """Replace what would be obeyed rather than shown; white space and all other characters stay."""
    if text.isprintable():  # as most are; every character that would be replaced is not
        return text
    return _HARMFUL.sub("\ufffd", _LINE_ENDS.sub("\n", text))
