"""Send requests to Prolific's interface (``https://api.prolific.com/api/v1``), and report its errors as ours.

A request that may be repeated is repeated where the site is busy (429, with its Retry-After), fails for a
while (502, 503, 504) or cannot be reached. A payment is sent once: the site pays again for each repetition.
The token is sent to the site's own address alone, and is never stored or printed.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from rater.errors import RaterError
from rater.sanitize import sanitize_for_display

API_URL = "https://api.prolific.com/api/v1"
TOKEN_VARIABLE = "PROLIFIC_TOKEN"  # noqa: S105 (the name of a variable)
_BUSY = 429
_FAILING = frozenset({502, 503, 504})
_N_ATTEMPTS = 5
_MAX_PAUSE_S = 60.0
_TIMEOUT_S = 30.0
_MAX_PAGES = 1_000
_MAX_MESSAGE = 600
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_ADVICE = {
    401: f"The token in {TOKEN_VARIABLE} is not valid; make one on Prolific under Settings, API tokens.",
    403: "The account of this token may not do this; ask the owner of the workspace.",
    404: "Prolific has nothing under this id, or the account of this token may not see it.",
}


class ProlificError(RaterError):
    """Prolific refused a request, or could not be reached.

    Attributes:
        status: The status code of the response; None where there was none.
    """

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


Json = dict[str, Any]


@dataclass(frozen=True)
class ProlificClient:
    """A connection to the site for one account.

    Raises:
        ProlificError: the address or the token is not valid.
    """

    token: str = field(repr=False)
    api_url: str = API_URL
    timeout_s: float = _TIMEOUT_S
    """The longest wait for one response."""
    pause: Callable[[float], None] = field(default=time.sleep, repr=False)
    """Waits for some seconds before a request is repeated."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.api_url)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOCAL_HOSTS)
        if not is_safe or not parts.hostname or parts.username or parts.query:
            msg = f"--api-url is {self.api_url!r}; valid: an https address such as {API_URL}"
            raise ProlificError(msg)
        if not re.fullmatch(r"[\x21-\x7e]{1,500}", self.token):
            msg = (
                f"{TOKEN_VARIABLE} is not set, or is not a valid token. Make one on Prolific under "
                f"Settings, API tokens, and set the environment variable {TOKEN_VARIABLE}."
            )
            raise ProlificError(msg)

    @classmethod
    def from_environment(cls, api_url: str = API_URL) -> "ProlificClient":
        """Make a client with the token from the environment variable PROLIFIC_TOKEN.

        Raises:
            ProlificError: the variable is not set, or the address is not valid.
        """
        return cls(os.environ.get(TOKEN_VARIABLE, "").strip(), api_url)

    def get(self, path: str) -> Json:
        """Return the object at a path below the interface's address.

        Raises:
            ProlificError: the site refuses the request, fails again and again, or cannot be reached.
        """
        return self._send("GET", self._url(path), None, repeats=True)

    def get_results(self, path: str) -> Iterator[Json]:
        """Yield each object of a list, over all its pages.

        Raises:
            ProlificError: as for `get`; or a list has no results, or a next page at another address.
        """
        url: str | None = self._url(path)
        for _ in range(_MAX_PAGES):
            if url is None:
                return
            page = self._send("GET", url, None, repeats=True)
            results = page.get("results")
            if not isinstance(results, list):
                msg = f"Prolific's answer to GET {path} has no list of results; rater expects one."
                raise ProlificError(msg)
            yield from (each for each in results if isinstance(each, dict))
            url = self._next_page(page, path)
        msg = f"Prolific's list GET {path} has more than {_MAX_PAGES:,} pages."
        raise ProlificError(msg)

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, repeats: bool) -> Json:
        """Send an object to a path, and return the site's answer.

        Args:
            path: The path below the interface's address.
            body: The object.
            repeats: True if the site ignores a repetition, so that the request may be sent again after a
                failure; False for a payment, and for a study to create.

        Raises:
            ProlificError: the site refuses the request, fails or cannot be reached.
        """
        return self._send("POST", self._url(path), dict(body or {}), repeats=repeats)

    def _url(self, path: str) -> str:
        return f"{self.api_url.rstrip('/')}/{path.lstrip('/')}"

    def _next_page(self, page: Json, path: str) -> str | None:
        links = page.get("_links")
        following = links.get("next") if isinstance(links, dict) else None
        url = following.get("href") if isinstance(following, dict) else None
        if not url:
            return None
        # the token goes to the interface's own address alone
        if not str(url).startswith(self.api_url.rstrip("/") + "/"):
            other = sanitize_for_display(str(url))
            msg = f"Prolific's list GET {path} continues at another address, {other!r}."
            raise ProlificError(msg)
        return str(url)

    def _send(self, method: str, url: str, body: Json | None, *, repeats: bool) -> Json:
        what = f"{method} {urlsplit(url).path}"
        headers = {"Authorization": f"Token {self.token}", "Accept": "application/json"}
        with httpx.Client(headers=headers, timeout=self.timeout_s, follow_redirects=False) as http:
            for attempt in range(1, _N_ATTEMPTS + 1):
                is_last = attempt == _N_ATTEMPTS
                try:
                    response = http.request(method, url, json=body)
                except httpx.TransportError as error:
                    if not repeats or is_last:
                        raise self._unreachable(what, error, repeats=repeats) from error
                    self.pause(_pause_before(attempt, None))
                    continue
                if response.is_success:
                    return _read_object(response, what)
                # a request that was refused because of the limit was not carried out, so it may be repeated
                is_passing = response.status_code == _BUSY or (repeats and response.status_code in _FAILING)
                if not is_passing or is_last:
                    raise self._refused(what, response, repeats=repeats)
                self.pause(_pause_before(attempt, response.headers.get("Retry-After")))
        raise AssertionError  # the last attempt returns or raises

    def _unreachable(self, what: str, error: httpx.TransportError, *, repeats: bool) -> ProlificError:
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        host = urlsplit(self.api_url).hostname
        msg = f"Prolific ({host}) did not answer {what}: {self._clean(why)}.{_unknown(repeats=repeats)}"
        return ProlificError(msg)

    def _refused(self, what: str, response: httpx.Response, *, repeats: bool) -> ProlificError:
        status = response.status_code
        message = self._clean(read_message(response)) or response.reason_phrase
        advice = f" {_ADVICE[status]}" if status in _ADVICE else ""
        unknown = _unknown(repeats=repeats) if status >= 500 else ""
        return ProlificError(
            f"Prolific refused {what} ({status}): {message.rstrip('.')}.{advice}{unknown}", status=status
        )

    def _clean(self, text: str) -> str:
        return sanitize_for_display(text.replace(self.token, "…"))


def read_message(response: httpx.Response) -> str:
    """Return the site's own words on an error: title, detail with the fields, and further information."""
    try:
        found = response.json()
    except ValueError:
        return " ".join(response.text.split())[:_MAX_MESSAGE]
    error = found.get("error", found) if isinstance(found, dict) else found
    if not isinstance(error, dict):
        return _words(error)[:_MAX_MESSAGE]
    keys = ("title", "detail", "message", "additional_information")
    parts = [_words(error[key]) for key in keys if error.get(key)]
    return "; ".join(dict.fromkeys(parts or [_words(error)]))[:_MAX_MESSAGE]


def require_id(value: str, what: str) -> str:
    """Return an id of the site if it can be part of an address.

    Raises:
        ProlificError: it cannot.
    """
    if not _ID.fullmatch(value):
        msg = f"{what} is {value[:80]!r}; valid: an id of Prolific, such as 60ffe5c8371090c7041d43f8"
        raise ProlificError(msg)
    return value


def _words(value: object) -> str:
    """Write a part of an error, which may be a text, a list, or lists by field, in one line."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_words(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    return " ".join(str(value).split())


def _unknown(*, repeats: bool) -> str:
    if repeats:
        return ""
    return " It is unknown whether the request was carried out: look on Prolific before you send it again."


def _pause_before(attempt: int, after: str | None) -> float:
    if after is not None and after.strip().isdecimal():
        return min(float(after), _MAX_PAUSE_S)
    return min(2.0 ** (attempt - 1), _MAX_PAUSE_S)


def _read_object(response: httpx.Response, what: str) -> Json:
    if not response.content.strip():
        return {}
    try:
        found = response.json()
    except ValueError as error:
        # the answer of a payment is a sentence
        if response.headers.get("Content-Type", "").startswith("text/plain"):
            return {"message": response.text.strip()[:_MAX_MESSAGE]}
        msg = f"Prolific's answer to {what} is not JSON: {sanitize_for_display(response.text[:200])!r}"
        raise ProlificError(msg) from error
    return found if isinstance(found, dict) else {"message": _words(found)[:_MAX_MESSAGE]}
