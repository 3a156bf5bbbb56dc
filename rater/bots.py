"""Rate as a simulated rater, over HTTP, with the real forms: what a person's browser would send."""

from dataclasses import dataclass
from typing import Protocol

import httpx
import numpy as np
from bs4 import BeautifulSoup, Tag

from rater.errors import StateError

_MOST_PAGES = 5_000


@dataclass(frozen=True)
class Shown:
    """What a trial page shows of one text, and one question about it."""

    prompt: str
    text: str
    dimension: str
    points: tuple[int, ...]


class Judge(Protocol):
    """Chooses a point; the bot knows no more of a text than a rater does."""

    def __call__(self, shown: Shown) -> int:
        """Choose one of the points."""


class Bot:
    """A simulated rater: a leaning of its own, noise, and perhaps an eye for the favoured texts."""

    def __init__(self, favoured: set[tuple[str, str]], effect: float, rng: np.random.Generator) -> None:
        self._favoured = favoured
        self._effect = effect
        self._rng = rng
        self._leaning = rng.normal(0, 0.5)

    def __call__(self, shown: Shown) -> int:
        """Choose the point nearest to what the bot feels."""
        middle = (shown.points[0] + shown.points[-1]) / 2
        seen = self._effect if (shown.prompt, shown.text) in self._favoured else 0.0
        felt = middle + self._leaning + seen + self._rng.normal(0, 1)
        return int(np.clip(round(felt), shown.points[0], shown.points[-1]))


def walk(client: httpx.Client, address: str, judge: Judge) -> int:
    """Take part in a study from its address to its last page; returns how many texts were rated.

    Costs two requests a text. ``client`` keeps the cookie that makes the bot one rater.

    Raises:
        StateError: the study's pages do not lead to an end.
    """
    n_rated = 0
    page = _get(client, address)
    for _ in range(_MOST_PAGES):
        form = page.soup.select_one("main form[method=post]")
        link = page.soup.select_one("main a.primary")
        if form is not None:
            n_rated += bool(form.select("input[type=radio]"))
            page = _submit(client, page, form, judge)
        elif link is not None:
            page = _get(client, str(page.url.join(str(link["href"]))))
        else:
            return n_rated
    msg = f"{address} did not come to an end within {_MOST_PAGES} pages."
    raise StateError(msg)


@dataclass(frozen=True)
class _Page:
    url: httpx.URL
    soup: BeautifulSoup


def _get(client: httpx.Client, address: str) -> _Page:
    return _read(client.get(address, follow_redirects=True))


def _submit(client: httpx.Client, page: _Page, form: Tag, judge: Judge) -> _Page:
    """Send a form as a browser would: what is hidden in it, what the judge chooses, and a button."""
    sent = {str(field["name"]): str(field["value"]) for field in form.select("input[type=hidden]")}
    for dimension in dict.fromkeys(str(radio["name"]) for radio in form.select("input[type=radio]")):
        points = tuple(int(str(radio["value"])) for radio in form.select(f"input[name='{dimension}']"))
        shown = Shown(_text(page, ".prompt"), _text(page, ".completion"), dimension, points)
        sent[dimension] = str(judge(shown))
    button = form.select_one("button.primary, button[value=agree]")
    if button is not None and button.get("name"):
        sent[str(button["name"])] = str(button["value"])
    return _read(client.post(str(page.url), data=sent, follow_redirects=True))


def _read(response: httpx.Response) -> _Page:
    if response.is_error:
        msg = f"{response.request.method} {response.url} answered {response.status_code}."
        raise StateError(msg)
    return _Page(response.url, BeautifulSoup(response.text, "html.parser"))


def _text(page: _Page, selector: str) -> str:
    found = page.soup.select_one(selector)
    return "" if found is None else found.get_text()
