"""Crawl a study's pages, and separate each page's structure from the texts on it.

A study's text is content in these places: a prompt, its fields, a completion, Markdown, and headings,
questions and labels that are the study's own words. Tags, attributes, comments, scripts, headers, cookies and
every other visible word are structure.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx
from bs4 import BeautifulSoup, Comment, Tag
from bs4.element import NavigableString

from rater.audit.marks import words_of
from rater.errors import StateError
from rater.rendering.page_text import words_of_text
from rater.sanitize import sanitize_for_display
from rater.study.fields import Fields
from rater.study.protocol import Protocol

_PAGE_S = 60.0
_MAX_PAGES = 3_000
_IMPORT = re.compile(r"""(?:from|import)\s*["'](\.[^"']+)["']""")


@dataclass(frozen=True)
class Reply:
    """One response of the app, as a browser received it."""

    place: str
    """Method and path, without the study's random address and a trial's number."""
    status: int
    headers: tuple[tuple[str, str], ...]
    """Including cookies."""
    body: str
    is_html: bool
    text: str | None
    """The text to be rated, as `rater.rendering.shown.shown_key` has it; None outside trials."""

    @property
    def is_trial(self) -> bool:
        """True if it shows a text to be rated."""
        return self.text is not None


class Crawler:
    """Crawls a study with one browser for each rater, and keeps all replies."""

    def __init__(self, address: str, slug: str) -> None:
        self._address = address
        self._slug = slug
        self.replies: list[Reply] = []

    def crawl(self, *, n_booklets: int, max_trials: int) -> int:
        """Fetch the pages of visitors, of people who decline, and of booklets; return the number of trials.

        Takes about 15 ms a trial.

        Raises:
            StateError: the pages do not lead to an end.
        """
        self._fetch_other_pages()
        n_trials = 0
        for _ in range(n_booklets):
            n_trials += self._walk()
            if n_trials >= max_trials:
                break
        self._fetch_assets()
        return n_trials

    def _fetch_other_pages(self) -> None:
        base = f"/s/{self._slug}"
        with self._browser() as browser:
            for path in ("/", "/healthz", "/nothing-here", "/favicon.ico", f"{base}/nothing-here"):
                self._send(browser, "GET", path)
            for path in ("/instructions", "/trial/1", "/thanks", "/declined"):
                self._send(browser, "GET", base + path)
            consent = self._send(browser, "GET", f"{base}/consent")
            self._send(browser, "POST", f"{base}/consent", _filled(consent) | {"decision": "decline"})
            self._send(browser, "POST", f"{base}/consent", {})
            self._send(browser, "DELETE", base)

    def _walk(self) -> int:
        """Complete one booklet from landing to thanks; return the number of texts shown."""
        n_trials = 0
        with self._browser() as browser:
            page = self._send(browser, "GET", f"/s/{self._slug}")
            for _ in range(_MAX_PAGES):
                form = page.soup.select_one("main form[method=post]")
                link = page.soup.select_one("main a.primary")
                if form is not None:
                    if page.reply.is_trial and n_trials == 0:
                        self._send(browser, "POST", page.path, _unanswered(page))
                        self._send(browser, "GET", f"/s/{self._slug}/leave")
                    n_trials += page.reply.is_trial
                    page = self._send(browser, "POST", page.path, _filled(page))
                elif link is not None:
                    page = self._send(browser, "GET", str(page.url.join(str(link["href"]))))
                else:
                    return n_trials
        msg = f"The preview did not reach its last page within {_MAX_PAGES} pages."
        raise StateError(msg)

    def _fetch_assets(self) -> None:
        """Fetch the files that the pages load and that their scripts import."""
        wanted = {
            str(tag[attribute])
            for reply in self.replies
            if reply.is_html
            for tag, attribute in _loaded(BeautifulSoup(reply.body, "html.parser"))
        }
        seen: set[str] = set()
        with self._browser() as browser:
            while wanted - seen:
                path = min(wanted - seen)
                seen.add(path)
                page = self._send(browser, "GET", path)
                wanted |= {page.url.join(found).path for found in _IMPORT.findall(page.reply.body)}

    def _browser(self) -> httpx.Client:
        return httpx.Client(base_url=self._address, timeout=_PAGE_S, follow_redirects=True)

    def _send(
        self, browser: httpx.Client, method: str, path: str, form: dict[str, str] | None = None
    ) -> "_Page":
        last = browser.request(method, path, data=form)
        soup = BeautifulSoup(last.text if _is_html(last) else "", "html.parser")
        self.replies += [self._reply(response, None) for response in last.history]
        self.replies.append(self._reply(last, soup.select_one(".completion")))
        return _Page(last.url, self.replies[-1], soup)

    def _reply(self, response: httpx.Response, completion: Tag | None) -> Reply:
        path = re.sub(r"/[0-9]+$", "/n", response.request.url.path.replace(self._slug, "…"))
        return Reply(
            place=f"{response.request.method} {path}",
            status=response.status_code,
            headers=tuple(
                (name, value.replace(self._slug, "…")) for name, value in response.headers.multi_items()
            ),
            body=response.text,
            is_html=_is_html(response),
            text=None if completion is None else words_of_text(completion),
        )


@dataclass(frozen=True)
class _Page:
    url: httpx.URL
    reply: Reply
    soup: BeautifulSoup

    @property
    def path(self) -> str:
        return self.url.path


def _is_html(response: httpx.Response) -> bool:
    return str(response.headers.get("Content-Type", "")).startswith("text/html")


def _unanswered(page: _Page) -> dict[str, str]:
    return {str(field["name"]): str(field["value"]) for field in page.soup.select("form input[type=hidden]")}


def _filled(page: _Page) -> dict[str, str]:
    """Fill in a form: hidden fields, the first option of each choice, and the button that continues."""
    sent = _unanswered(page)
    for field in page.soup.select("main form input, main form textarea"):
        kind, name = str(field.get("type", "")), str(field.get("name", ""))
        if not name:  # a browser does not send it either
            continue
        rank = _RANK.fullmatch(name)
        if rank is not None and field.get("value") != rank[1]:
            continue  # a text has one rank: that of its place
        if kind == "radio" or (kind == "checkbox" and name.startswith(_ABOUT)):
            sent.setdefault(name, str(field.get("value", "")))
        elif kind == "text" and field.get("data-min"):
            sent.setdefault(name, str(field.get("value") or field["data-min"]))
        elif kind == "text" and name.startswith(_ABOUT):
            sent.setdefault(name, str(field.get("value") or "-"))
    button = page.soup.select_one("main form button.primary, main form button[value=agree]")
    if button is not None and button.get("name"):
        sent[str(button["name"])] = str(button["value"])
    return sent


def _loaded(soup: BeautifulSoup) -> Iterator[tuple[Tag, str]]:
    for tag in soup.select("head link[href]"):
        yield tag, "href"
    for tag in soup.select("script[src], img[src]"):
        yield tag, "src"


_RANK = re.compile(r"answer\.[a-z0-9_-]+\.([0-9])")
"""The name of a field with the place of the text of a rank."""
_ABOUT = "about."
"""The prefix of fields of the questionnaire."""
_SHOWN_IN = ("prompt", "completion", "context", "field-value", "prose")
_RENDERED_CLASS = "part"
"""The class of elements with a turn's words, whose markup is the rendering of the text."""
_LABEL_CLASSES = {"reasoning-label", "empty"}
"""Classes of labels that a text has because of its form, which the audit measures as a cue."""
_EXCERPT_CLASS = "words"
"""The class of excerpts of texts on the last page."""
_IGNORED_HEADERS = {"date", "content-length"}
"""Headers that differ between replies for other reasons."""

_RANDOM = re.compile(r"[A-Za-z0-9_-]{16,}")
_COUNTED = re.compile(r"[0-9]+")

_IS_THERE = re.compile("")


class StudyContent:
    """The texts that a study declares and its items have; on a page these are content.

    Questions and labels are content in the words that each item's fields give them, too.
    """

    def __init__(self, protocol: Protocol, texts: Iterable[str], fields: Iterable[Fields] = ()) -> None:
        self._declared = _strings(protocol.model_dump(mode="json"))
        languages = [protocol, *(protocol.in_language(each) for each in protocol.translations)]
        dimensions = [dimension for each in languages for dimension in each.dimensions]
        for own in fields:
            self._declared += _strings([each.filled(own).model_dump(mode="json") for each in dimensions])
        self._names = {dimension.name for dimension in protocol.dimensions}
        declared = [words_of(html.unescape(text)) for text in self._declared]
        shown = [words_of(html.unescape(sanitize_for_display(text))) for text in texts]
        self._running = "\n".join(f" {' '.join(words)} " for words in (*declared, *shown))
        # a prompt is followed by its text
        self._unspaced = "".join("".join(words) for words in (*shown, *declared))
        longest_first = sorted({text.strip() for text in self._declared} - {""}, key=len, reverse=True)
        phrases = "|".join(map(re.escape, longest_first))
        self._pattern = re.compile(rf"(?<!\w)(?:{phrases})(?!\w)") if phrases else None

    def has(self, text: str) -> bool:
        """Return whether the words of a text occur in this order in the content."""
        return f" {' '.join(words_of(text))} " in self._running

    def has_part(self, text: str) -> bool:
        """Return whether a text, which may end in the middle of a word, is part of the content."""
        return "".join(words_of(text)) in self._unspaced

    def without(self, text: str) -> str:
        """Replace the study's own words (its title, questions, labels) in a text."""
        return self._pattern.sub("…", text) if self._pattern else text

    def links_to(self, address: str) -> bool:
        """Return whether an address occurs in the study's Markdown."""
        return any(address in text for text in self._declared)

    def without_name(self, value: str) -> str:
        """Replace a dimension's name in an attribute, also in the name of the field of a rank."""
        rank = _RANK.fullmatch(value)
        name = value[: -1 - len(rank[1])] if rank else value
        return "…" if name.removeprefix("answer.") in self._names else value


def structure_of(reply: Reply, shown: StudyContent) -> str:
    """Return a reply without the study's content: headers, then the page."""
    lines = [f"{name}: {value}" for name, value in reply.headers if name.lower() not in _IGNORED_HEADERS]
    if not reply.is_html:
        return "\n".join([*lines, reply.body])
    soup = BeautifulSoup(reply.body, "html.parser")
    turns = {id(tag) for tag in soup.select(".turn, .turn *")}
    lines += [
        " ".join([tag.name, *_attributes(tag, shown)]) for tag in soup.select("*") if id(tag) not in turns
    ]
    lines += [_left_of(string, shown) for string in soup.find_all(string=_IS_THERE)]
    return "\n".join(line for line in lines if line.strip())


def skeleton_of(reply: Reply, shown: StudyContent) -> str:
    """Return a page's structure without random ids and numbers."""
    return _COUNTED.sub("#", _RANDOM.sub("…", structure_of(reply, shown)))


def _attributes(tag: Tag, shown: StudyContent) -> list[str]:
    found = []
    for name, value in tag.attrs.items():
        text = " ".join(value) if isinstance(value, list) else str(value)
        if name == "href" and shown.links_to(text):
            text = "…"
        found.append(f"{name}={shown.without_name(text)}")
    return found


def _left_of(string: NavigableString, shown: StudyContent) -> str:
    if isinstance(string, Comment):
        return str(string)
    classes = {name for parent in string.parents for name in parent.get_attribute_list("class")}
    if classes.intersection(_SHOWN_IN) and shown.has(string):
        return ""
    if classes & _LABEL_CLASSES:
        return ""
    if {_EXCERPT_CLASS, _RENDERED_CLASS} & classes and shown.has_part(string):
        return ""
    return shown.without(str(string).strip())


def _strings(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return [value] if isinstance(value, str) else []
