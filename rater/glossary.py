"""The glossary: definitions of the field's terms, for the terminal, reports and the documentation.

`glossary.md` next to this module is the only copy; the documentation site includes it. Each section is a
term, an optional line of synonyms, and one paragraph.
"""

import difflib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rater.errors import RaterError

_FILE = Path(__file__).with_name("glossary.md")
_MAX_SUGGESTED = 5
_ALSO = re.compile(r"\*Also: (.*)\.\*\s+")
_LINK = re.compile(r"\[([^]]*)\]\(([^)#]*)[^)]*\)")
_REFERENCE = re.compile(r" See \[[^]]*\]\([^)]*\)\.")


@dataclass(frozen=True)
class Entry:
    """A term with its definition."""

    term: str
    synonyms: tuple[str, ...]
    markdown: str
    """One paragraph, whose links are relative to the documentation's folder."""

    @property
    def names(self) -> tuple[str, ...]:
        """The term and its synonyms."""
        return (self.term, *self.synonyms)

    @property
    def heading(self) -> str:
        """The term, with its synonyms in brackets."""
        return f"{self.term} ({', '.join(self.synonyms)})" if self.synonyms else self.term

    @property
    def definition(self) -> str:
        """The definition as plain text, without references to other pages."""
        return _LINK.sub(r"\1", _REFERENCE.sub("", self.markdown)).replace("`", "")

    @property
    def definition_with_pages(self) -> str:
        """The definition as plain text; a link is its text with the page in brackets."""
        return _LINK.sub(r"\1 (docs/\2)", self.markdown).replace("`", "")


@cache
def read_glossary() -> tuple[Entry, ...]:
    """Return the entries of the glossary in their order. Costs one read of a small file, once."""
    sections = re.split(r"^## ", _FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return tuple(map(_read_entry, sections))


def _read_entry(section: str) -> Entry:
    term, _, text = section.partition("\n")
    body = text.strip()
    also = _ALSO.match(body)
    # A comma inside brackets, as in ICC(2,1), is part of a name.
    synonyms = re.split(r", (?![^(]*\))", also[1]) if also else []
    return Entry(term.strip(), tuple(synonyms), body[also.end() :] if also else body)


def find_entry(name: str) -> Entry:
    """Return the entry of a term or synonym; letter case, hyphens and apostrophes do not matter.

    Raises:
        RaterError: no entry has that name; the message has similar ones.
    """
    by_name = {_normalise(each): entry for entry in read_glossary() for each in entry.names}
    wanted = _normalise(name)
    if wanted in by_name:
        return by_name[wanted]
    parts = [key for key in by_name if len(wanted) > 2 and wanted in key]
    similar = parts or difflib.get_close_matches(wanted, by_name, n=_MAX_SUGGESTED)
    terms = list(dict.fromkeys(by_name[key].term for key in similar))[:_MAX_SUGGESTED]
    hint = f"Did you mean {' or '.join(map(repr, terms))}?" if terms else "For all terms run: rater explain"
    msg = f"The glossary has no term {name!r}. {hint}"
    raise RaterError(msg)


def _normalise(name: str) -> str:
    words = name.casefold().replace("’", "").replace("'", "")
    return " ".join(re.split(r"[\s\-–]+", words.strip()))
