"""`rater explain`: define a term of the field, from the glossary that is installed with the package."""

import difflib
import re
import shutil
import textwrap
from dataclasses import dataclass
from pathlib import Path

import click

from rater.errors import RaterError

GLOSSARY = Path(__file__).parent.parent / "glossary.md"
"""The only copy: the documentation site includes this file."""
_MAX_SUGGESTED = 5
_MAX_WIDTH = 100
_ALSO = re.compile(r"\*Also: (.*)\.\*\s+")
_LINK = re.compile(r"\[([^]]*)\]\(([^)#]*)[^)]*\)")


@dataclass(frozen=True)
class Entry:
    """A term with its definition."""

    term: str
    synonyms: tuple[str, ...]
    definition: str
    """Markdown: one paragraph, whose links are relative to the documentation's folder."""

    @property
    def names(self) -> tuple[str, ...]:
        """The term and its synonyms."""
        return (self.term, *self.synonyms)


def read_glossary() -> tuple[Entry, ...]:
    """Return the entries of the glossary in their order. Costs one read of a small file."""
    sections = re.split(r"^## ", GLOSSARY.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return tuple(map(_read_entry, sections))


def _read_entry(section: str) -> Entry:
    term, _, text = section.partition("\n")
    body = text.strip()
    also = _ALSO.match(body)
    # A comma inside brackets, as in ICC(2,1), is part of a name.
    synonyms = re.split(r", (?![^(]*\))", also[1]) if also else []
    return Entry(term.strip(), tuple(synonyms), body[also.end() :] if also else body)


def find_entry(name: str, entries: tuple[Entry, ...]) -> Entry:
    """Return the entry of a term or synonym; letter case, hyphens and apostrophes do not matter.

    Raises:
        RaterError: no entry has that name; the message has similar ones.
    """
    by_name = {_normalise(each): entry for entry in entries for each in entry.names}
    wanted = _normalise(name)
    if wanted in by_name:
        return by_name[wanted]
    parts = [key for key in by_name if len(wanted) > 2 and wanted in key]
    similar = parts or difflib.get_close_matches(wanted, by_name, n=_MAX_SUGGESTED)
    terms = list(dict.fromkeys(by_name[key].term for key in similar))[:_MAX_SUGGESTED]
    found = f"Did you mean {' or '.join(map(repr, terms))}?" if terms else "Run rater explain for all terms."
    msg = f"The glossary has no term {name!r}. {found}"
    raise RaterError(msg)


def _normalise(name: str) -> str:
    words = name.casefold().replace("’", "").replace("'", "")
    return " ".join(re.split(r"[\s\-–]+", words.strip()))


def print_entry(entry: Entry, width: int) -> None:
    """Print an entry as plain text; a link becomes its text with the page in brackets."""
    text = _LINK.sub(r"\1 (docs/\2)", entry.definition).replace("`", "")
    also = f" ({', '.join(entry.synonyms)})" if entry.synonyms else ""
    click.echo(f"{entry.term}{also}\n")
    click.echo(textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False))


@click.command(short_help="Define a term.")
@click.argument("term", nargs=-1)
def explain(term: tuple[str, ...]) -> None:
    """Define TERM, such as net superiority; without TERM, list all terms.

    \b
    Example: rater explain net superiority
    Example: rater explain
    """
    entries = read_glossary()
    if not term:
        for entry in entries:
            click.echo(entry.term)
        return
    width = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
    print_entry(find_entry(" ".join(term), entries), width)
