"""Make a model's output harmless to show: as text, and without characters that rearrange what is around it.

Escaping is the templates' business (Jinja's autoescape). What is left are characters that browsers drop,
refuse or obey: control characters, and the Unicode controls that embed, override or isolate a writing
direction. A rater sees the replacement character instead: a text's brokenness is neither hidden nor repaired.
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
    """Replace what a browser would obey rather than show; whitespace and all other characters stay."""
    return _HARMFUL.sub("\ufffd", _LINE_ENDS.sub("\n", text))
