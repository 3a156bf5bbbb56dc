import threading
import time
from collections.abc import Iterable
from io import BytesIO
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from rater.web.gate import Gate


class SlowApp:
    """Notes how many requests it answers at the same time."""

    def __init__(self) -> None:
        self.at_once = self.most_at_once = 0
        self.bodies: list[bytes] = []

    def __call__(self, environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(0.05)
        self.bodies.append(environ["wsgi.input"].read())
        self.at_once -= 1
        return [b"done"]


class SlowBody(BytesIO):
    """A body that a client sends after a while."""

    def read(self, size: int | None = -1) -> bytes:
        time.sleep(0.2)
        return super().read(size)


def _start_response(*_: object) -> None:
    raise AssertionError


def _send(gate: Gate, path: str = "/s/x", body: BytesIO | None = None, length: str = "3") -> threading.Thread:
    environ = {"PATH_INFO": path, "CONTENT_LENGTH": length, "wsgi.input": body or BytesIO(b"abc")}
    thread = threading.Thread(target=lambda: gate(environ, _start_response))  # type: ignore[arg-type]
    thread.start()
    return thread


def _send_both(gate: Gate, path: str) -> None:
    for thread in [_send(gate, path), _send(gate, path)]:
        thread.join()


@pytest.mark.parametrize(("path", "most"), [("/s/x", 1), ("/desk/studies", 2)])
def test_requests_are_answered_in_turns_but_those_that_may_take_long(path: str, most: int) -> None:
    app = SlowApp()

    _send_both(Gate(app, most_bytes=10, free="/desk"), path)

    assert (app.most_at_once, app.bodies) == (most, [b"abc", b"abc"])


def test_who_sends_a_body_slowly_keeps_nobody_waiting() -> None:
    app = SlowApp()
    gate = Gate(app, most_bytes=10, free="/desk")

    slow = _send(gate, body=SlowBody(b"def"))
    _send(gate).join()
    slow.join()

    assert app.bodies == [b"abc", b"def"]


def test_who_has_waited_long_goes_on_beside_what_is_stuck() -> None:
    app = SlowApp()

    _send_both(Gate(app, most_bytes=10, free="/desk", patience_s=0.01), "/s/x")

    assert app.most_at_once == 2


@pytest.mark.parametrize(("length", "taken"), [("", b""), ("nonsense", b""), ("3", b"abc"), ("99", b"abc")])
def test_a_body_is_received_as_far_as_its_length_is_known_and_is_allowed(length: str, taken: bytes) -> None:
    app = SlowApp()

    _send(Gate(app, most_bytes=10, free="/desk"), length=length).join()

    assert app.bodies == [taken]


def test_a_turn_ends_with_its_request() -> None:
    gate = Gate(SlowApp(), most_bytes=10, free="/desk", patience_s=5)
    before = time.monotonic()

    for _ in range(2):
        _send(gate).join()

    assert time.monotonic() - before < 4
