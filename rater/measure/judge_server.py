"""Ask a judge on a server with OpenAI's interface for chats (`POST /chat/completions`).

Many servers have it: those of the large providers, vLLM, llama.cpp, Ollama, LM Studio. Requests that fail for
a while (429, 5xx, no connection, time-outs) are repeated with growing pauses; others end the run with the
server's message. The key is read from an environment variable for each run. It is sent as a header to the
server alone, and is never stored or printed.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from rater.errors import ModelError, StudyError

_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_MAX_PAUSE = 60.0
_MAX_MESSAGE = 300


@dataclass(frozen=True)
class Reply:
    """A reply of a judge."""

    text: str
    is_cut_off: bool
    """True if it reached the largest number of tokens."""
    refusal: str = ""
    """The reason why the server refused to answer; empty if it answered."""


@dataclass(frozen=True, kw_only=True)
class JudgeServer:
    """A model on a server.

    Raises:
        StudyError: the address is not one of HTTP, or has a password in it.
    """

    base_url: str
    """The address before ``/chat/completions``, such as ``http://127.0.0.1:8000/v1``."""
    model: str
    """The model's name on the server."""
    key_variable: str = "OPENAI_API_KEY"
    """The environment variable with the key; a server that needs none is asked without."""
    max_tokens: int = 16
    timeout_s: float = 60.0
    """The longest wait for one reply."""
    n_attempts: int = 6
    n_at_once: int = 4
    """The number of requests under way at a time."""
    first_pause_s: float = 1.0
    """The pause before the second attempt; each further one is twice as long."""
    transport: httpx.BaseTransport | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        parts = urlsplit(self.base_url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"The judge's address is {self.base_url!r}; valid: such as http://127.0.0.1:8000/v1"
            raise StudyError(msg)
        if parts.username or parts.password or parts.query:
            msg = (
                "The judge's address has a name, a password or a query in it, and it is stored. Put the key "
                f"into the environment variable {self.key_variable}."
            )
            raise StudyError(msg)

    def ask(self, messages: Sequence[str]) -> Iterator[tuple[int, Reply]]:
        """Yield the index and the reply of each message, as soon as there is one.

        Raises:
            ModelError: the server refuses a request, or fails again and again.
        """
        key = os.environ.get(self.key_variable, "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        with (
            httpx.Client(headers=headers, timeout=self.timeout_s, transport=self.transport) as client,
            _pool(self.n_at_once) as pool,
        ):
            waiting = enumerate(messages)
            running: dict[Future[Reply], int] = {}
            asked = _Asked(self, client, key)
            while True:
                for index, message in waiting:
                    running[pool.submit(asked.ask, message)] = index
                    if len(running) >= self.n_at_once:
                        break
                if not running:
                    return
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(done), done.result()


class _pool:  # noqa: N801 (a context manager)
    """Threads that are not waited for where a run is stopped."""

    def __init__(self, n: int) -> None:
        self._pool = ThreadPoolExecutor(n, thread_name_prefix="judge")

    def __enter__(self) -> ThreadPoolExecutor:
        return self._pool

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


@dataclass
class _Asked:
    """Ask the server one question at a time, with several attempts; threads share it."""

    server: JudgeServer
    client: httpx.Client
    key: str
    tokens_field: str = "max_tokens"
    pause: Callable[[float], None] = time.sleep

    def ask(self, message: str) -> Reply:
        """Return the reply, after as many attempts as are needed and allowed.

        Raises:
            ModelError: the server refuses the request, or fails again and again.
        """
        why, after = "", None
        for attempt in range(self.server.n_attempts):
            if attempt:
                self.pause(self._pause_before(attempt, after))
            after = None
            try:
                response = self.client.post(
                    f"{self.server.base_url.rstrip('/')}/chat/completions", json=self._body(message)
                )
            except httpx.TransportError as error:
                why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                continue
            if response.is_success:
                return self._read(response)
            why = f"{response.status_code} {self._message(response)}"
            if response.status_code not in _PASSING and not self._renames_tokens(response):
                msg = f"The judge at {self.server.base_url} refused a request: {self._without_key(why)}"
                raise ModelError(msg)
            after = response.headers.get("retry-after")
        msg = (
            f"The judge at {self.server.base_url} failed {self.server.n_attempts} times: "
            f"{self._without_key(why)}. What it answered before is stored; run the same command again to "
            "continue."
        )
        raise ModelError(msg)

    def _body(self, message: str) -> dict[str, object]:
        return {
            "model": self.server.model,
            "messages": [{"role": "user", "content": message}],
            "temperature": 0,
            self.tokens_field: self.server.max_tokens,
        }

    def _pause_before(self, attempt: int, after: str | None) -> float:
        """Return the seconds to wait: the server's wish, or twice as long each time with some jitter."""
        if after is not None and after.isdecimal():
            return min(float(after), _MAX_PAUSE)
        longest = min(self.server.first_pause_s * 2.0 ** (attempt - 1), _MAX_PAUSE)
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 (not a secret)

    def _renames_tokens(self, response: httpx.Response) -> bool:
        """Take the newer name of the largest number of tokens where a server asks for it."""
        newer = "max_completion_tokens"
        if response.status_code != 400 or newer not in response.text or self.tokens_field == newer:
            return False
        self.tokens_field = newer
        return True

    def _read(self, response: httpx.Response) -> Reply:
        try:
            choice: dict[str, Any] = response.json()["choices"][0]
            text = choice["message"].get("content") or ""
            refusal = choice["message"].get("refusal") or ""
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            msg = (
                f"The judge at {self.server.base_url} sent what is not a chat completion: "
                f"{self._without_key(response.text[:_MAX_MESSAGE])!r}"
            )
            raise ModelError(msg) from error
        reason = choice.get("finish_reason")
        if reason == "content_filter":
            refusal = refusal or "content filter"
        return Reply(str(text), is_cut_off=reason == "length", refusal=str(refusal))

    def _message(self, response: httpx.Response) -> str:
        """Return the server's own message, where there is one."""
        try:
            found = response.json()["error"]
            text = found["message"] if isinstance(found, dict) else str(found)
        except (json.JSONDecodeError, LookupError, TypeError):
            text = response.text
        return " ".join(str(text).split())[:_MAX_MESSAGE]

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "…") if self.key else text
