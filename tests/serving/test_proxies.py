"""The settings of proxies that the guides show work with the real proxies."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from rater.store.rating.networks import network_digest
from tests.serving.programs import free_port, proxy, serving, shown_block

PAGE = "reverse-proxy.md"
FORGED = {"X-Forwarded-For": "203.0.113.9"}

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("kind", "heading", "prefix"),
    [
        ("caddy", "## Caddy", ""),
        ("nginx", "## nginx", ""),
        ("apache", "## Apache", ""),
        ("haproxy", "## HAProxy", ""),
        ("nginx", "## Under a path", "/rater"),
        ("apache", "The same for Apache", "/rater"),
        ("caddy", "For Caddy", "/rater"),
        ("haproxy", "For HAProxy, with", "/rater"),
    ],
)
def test_a_rater_rates_through_a_proxy_with_the_settings_of_the_guide(
    publish_study: Callable[..., str],
    rating_url: str,
    tmp_path: Path,
    kind: str,
    heading: str,
    prefix: str,
) -> None:
    slug, port = publish_study(), free_port()
    block = shown_block(PAGE, heading).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    if kind == "haproxy" and prefix:
        frontend = shown_block(PAGE, "## HAProxy").partition("\nbackend rater")[0]
        use = "use_backend rater if { path_beg /rater/ }"
        block = f"{frontend.replace('default_backend rater', use)}\n{block}"

    with (
        serving(rating_url, tmp_path, port=port),
        proxy(kind, block, tmp_path) as at,
        httpx.Client(base_url=at.origin) as browser,
    ):
        own = {"Origin": at.origin, **FORGED}
        page = browser.get(f"{prefix}/s/{slug}/consent", headers=FORGED)
        style = re.findall(r'href="([^"]+\.css)"', page.text)[0]
        form = {"decision": "agree", "token": re.findall(r'name="token" value="([^"]+)"', page.text)[0]}
        foreign = browser.post(
            f"{prefix}/s/{slug}/consent", data=form, headers={"Origin": "http://evil.example"}
        )
        agreed = browser.post(f"{prefix}/s/{slug}/consent", data=form, headers=own)
        begun = browser.get(agreed.headers["Location"], headers=FORGED)
        browser.post(f"{prefix}/s/{slug}/instructions", headers=own)
        answer = {"submission_id": "0123456789abcdef", "answer.happiness": "4"}
        saved = browser.post(f"{prefix}/s/{slug}/trial/1", data=answer, headers=own)
        shown = browser.get(saved.headers["Location"])
        styled, metrics = browser.get(style), browser.get(f"{prefix}/metrics")
        huge = browser.post(f"{prefix}/s/{slug}/consent", data={"decision": "x" * 70_000}, headers=own)
        cookies = [cookie for cookie in browser.cookies.jar if cookie.name == "rater"]

    assert (page.status_code, foreign.status_code, agreed.status_code) == (200, 403, 303)
    assert (begun.status_code, saved.status_code, shown.status_code) == (303, 303, 200)
    for response in (agreed, begun, saved):  # at the address that the browser knows, prefix and port included
        location = httpx.URL(at.origin).join(response.headers["Location"])
        assert str(location).startswith(f"{at.origin}{prefix}/s/{slug}")
    assert [cookie.path for cookie in cookies] == [f"{prefix}/s/{slug}"]
    assert (styled.status_code, styled.headers["Content-Type"]) == (200, "text/css; charset=utf-8")
    assert metrics.status_code == 404  # which are for this machine, and not for clients of a proxy on it
    assert huge.status_code == 413
    with closing(sqlite3.connect(rating_url.removeprefix("sqlite:///"))) as connection:
        networks = {row[0] for row in connection.execute("SELECT network_digest FROM network_count")}
    assert networks == {network_digest("127.0.0.1", slug=slug)}  # not the address that the client invented
