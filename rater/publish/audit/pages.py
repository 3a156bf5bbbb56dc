"""Part a page from the texts that a study shows on it: what is left must be the same whatever the arm.

A study's text is content where the app puts it: a prompt, a completion, Markdown, and headings, questions and
labels that are the study's own words. Tags, attributes, comments, scripts, headers, cookies and every other
visible word are structure.
"""

import html
import re
from collections.abc import Iterable

from bs4 import BeautifulSoup, Comment, Tag
from bs4.element import NavigableString

from rater.harmless import harmless
from rater.publish.audit.crawl import Reply
from rater.publish.audit.marks import words_of
from rater.study.protocol import Protocol

_SHOWN_IN = ("prompt", "completion", "prose")
_BEGUN_IN = "words"
"""The class of the beginnings of texts on the last page."""
_SAYS_NOTHING = {"date", "content-length"}
"""Headers that differ from reply to reply for other reasons."""

_RANDOM = re.compile(r"[A-Za-z0-9_-]{16,}")
_COUNTED = re.compile(r"[0-9]+")

_IS_THERE = re.compile("")


class Shown:
    """The texts that a study declares and its items have: whatever of them stands on a page is content."""

    def __init__(self, protocol: Protocol, texts: Iterable[str]) -> None:
        self._said = _strings(protocol.model_dump(mode="json"))
        self._names = {dimension.name for dimension in protocol.dimensions}
        said = [words_of(html.unescape(text)) for text in self._said]
        shown = [words_of(html.unescape(harmless(text))) for text in texts]
        self._running = "\n".join(f" {' '.join(words)} " for words in (*said, *shown))
        # a prompt is followed by its text
        self._unspaced = "".join("".join(words) for words in (*shown, *said))
        longest_first = sorted({text.strip() for text in self._said} - {""}, key=len, reverse=True)
        phrases = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rf"(?<!\w)(?:{phrases})(?!\w)") if phrases else None

    def has(self, text: str) -> bool:
        """Say whether the words of a text stand so, one after the other, in what is shown."""
        return f" {' '.join(words_of(text))} " in self._running

    def has_part(self, text: str) -> bool:
        """Return whether a text, which may end in the middle of a word, is part of what is shown."""
        return "".join(words_of(text)) in self._unspaced

    def without(self, text: str) -> str:
        """Take the study's own whole words (its title, questions, labels) out of a text."""
        return self._pattern.sub("…", text) if self._pattern else text

    def links_to(self, address: str) -> bool:
        """Say whether an address stands in the study's Markdown."""
        return any(address in said for said in self._said)

    def without_name(self, value: str) -> str:
        """Take a dimension's name out of an attribute."""
        return "…" if value.removeprefix("answer.") in self._names else value


def structure_of(reply: Reply, shown: Shown) -> str:
    """Write down a reply without what the study shows: headers, then the page."""
    lines = [f"{name}: {value}" for name, value in reply.headers if name.lower() not in _SAYS_NOTHING]
    if not reply.is_html:
        return "\n".join([*lines, reply.body])
    soup = BeautifulSoup(reply.body, "html.parser")
    lines += [" ".join([tag.name, *_attributes(tag, shown)]) for tag in soup.select("*")]
    lines += [_left_of(string, shown) for string in soup.find_all(string=_IS_THERE)]
    return "\n".join(line for line in lines if line.strip())


def skeleton_of(reply: Reply, shown: Shown) -> str:
    """Write down a page's structure without what differs by chance or by count: random ids and numbers."""
    return _COUNTED.sub("#", _RANDOM.sub("…", structure_of(reply, shown)))


def _attributes(tag: Tag, shown: Shown) -> list[str]:
    found = []
    for name, value in tag.attrs.items():
        text = " ".join(value) if isinstance(value, list) else str(value)
        if name == "href" and shown.links_to(text):
            text = "…"
        found.append(f"{name}={shown.without_name(text)}")
    return found


def _left_of(string: NavigableString, shown: Shown) -> str:
    if isinstance(string, Comment):
        return str(string)
    classes = {name for parent in string.parents for name in parent.get_attribute_list("class")}
    if classes.intersection(_SHOWN_IN) and shown.has(string):
        return ""
    if _BEGUN_IN in classes and shown.has_part(string):
        return ""
    return shown.without(str(string).strip())


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return [value] if isinstance(value, str) else []
