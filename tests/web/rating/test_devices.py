from collections.abc import Callable
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from rater.study.protocol import Devices, Protocol
from rater.web.rating.devices import is_admitted, is_phone

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148"
)
TABLET = "Mozilla/5.0 (Linux; Android 14; SM-X910) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15"
Visit = Callable[[str], Any]
Rows = Callable[[str], list[tuple[Any, ...]]]


def request(agent: str, hint: str | None = None) -> Any:
    headers = [("User-Agent", agent), *([] if hint is None else [("Sec-CH-UA-Mobile", hint)])]
    return Request(EnvironBuilder(headers=headers).get_environ())


@pytest.mark.parametrize(
    ("agent", "hint", "expected"),
    [
        (IPHONE, None, True),
        (TABLET, "?0", True),
        (MAC, None, False),
        (MAC, "?0", False),
        (MAC, "?1", True),
        ("", None, False),
        ("x" * 100_000 + "iPhone", None, False),
    ],
)
def test_a_phone_or_a_tablet_is_recognised_by_what_its_browser_states(
    agent: str, hint: str | None, *, expected: bool
) -> None:
    assert is_phone(request(agent, hint)) is expected


@pytest.mark.parametrize(
    ("devices", "phone", "computer"), [(None, True, True), ("desktop", False, True), ("phone", True, False)]
)
def test_a_study_admits_the_devices_that_it_declares(
    devices: Devices | None, *, phone: bool, computer: bool
) -> None:
    assert is_admitted(request(IPHONE), devices) is phone
    assert is_admitted(request(MAC), devices) is computer


def test_a_visitor_with_another_device_is_told_which_to_use_and_nothing_is_stored(
    visitor: Visit, publish_study: Callable[..., str], protocol: Protocol, rows: Rows
) -> None:
    shown = protocol.model_copy(update={"devices": "desktop"})
    slug = publish_study(slug="desktop", name="desktop", shown=shown)
    phone = visitor(slug).open(headers={"User-Agent": IPHONE})

    assert "This study can only be taken on a computer." in phone.text
    consent = phone.client.get(f"/s/{slug}/consent", headers={"User-Agent": IPHONE})
    assert (consent.status_code, consent.location) == (303, f"/s/{slug}")
    form = {"decision": "agree", "token": "a" * 43}
    sent = phone.client.post(
        f"/s/{slug}/consent", data=form, headers={"User-Agent": IPHONE}, follow_redirects=True
    )
    assert "This study can only be taken on a computer." in sent.text
    assert rows("SELECT count(*) FROM rater") == [(0,)]
    assert rows("SELECT kind, n FROM tally") == [("wrong_device", 1)]
    assert visitor(slug).open(headers={"User-Agent": MAC}).follow().press("agree").at == "/instructions"


def test_a_rater_who_began_on_a_computer_may_continue_on_a_phone(
    visitor: Visit, publish_study: Callable[..., str], protocol: Protocol
) -> None:
    shown = protocol.model_copy(update={"devices": "desktop"})
    rater = visitor(publish_study(slug="desktop", name="desktop", shown=shown))
    rater.open(headers={"User-Agent": MAC}).follow().press("agree")

    assert rater.open(headers={"User-Agent": IPHONE}).at == "/instructions"
