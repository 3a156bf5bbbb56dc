import re
from collections.abc import Callable
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rater.study.protocol import Protocol

STUDY = "/desk/studies/a_study"
Rows = Callable[[str], list[tuple[object, ...]]]


@pytest.fixture
def frame_url(ada: FlaskClient) -> str:
    """The address of the frame of a new preview."""
    page = ada.post(f"{STUDY}/preview", follow_redirects=True)
    assert page.status_code == 200
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    return str(BeautifulSoup(page.text, "html.parser").select("iframe")[0]["src"])


def walk(client: FlaskClient, url: str) -> list[str]:
    """Go through a study as a rater does; returns the titles of the pages."""
    titles = []
    for _ in range(30):
        page = client.get(url, follow_redirects=True)
        assert page.status_code == 200
        found = BeautifulSoup(page.text, "html.parser")
        titles.append(found.title.get_text() if found.title else "")
        form, link = found.select_one("main form[method=post]"), found.select_one("main a.primary")
        if form is not None and form.select_one("button.primary, button[value=agree], input[type=radio]"):
            sent = {str(i["name"]): str(i.get("value", "")) for i in form.select("input[type=hidden]")}
            for choice in form.select("input[type=radio]"):
                sent.setdefault(str(choice["name"]), str(choice["value"]))
            for button in form.select("button.primary[name], button[value=agree]"):
                sent[str(button["name"])] = str(button["value"])
            answer = client.post(str(form.get("action") or page.request.path), data=sent)
            assert answer.status_code == 303
            url = answer.headers["Location"]
        elif link is not None:
            url = str(link["href"])
        else:
            return titles
    raise AssertionError(titles)


def test_a_preview_is_the_whole_study_and_stores_nothing(
    ada: FlaskClient, frame_url: str, rows: Rows
) -> None:
    before = rows("SELECT count(*) FROM event")

    titles = walk(ada, frame_url)

    assert len(titles) >= 6
    assert sum("of 3" in title for title in titles) == 3
    assert rows("SELECT count(*) FROM rater") == rows("SELECT count(*) FROM answer") == [(0,)]
    assert rows("SELECT count(*) FROM event") == before


@pytest.mark.parametrize("state", ["published", "closed"])
def test_a_study_that_takes_no_answers_can_be_previewed_too(
    ada: FlaskClient, publish_study: Callable[..., str], state: str
) -> None:
    publish_study(slug="other", name="other", state=state)
    page = ada.post("/desk/studies/other/preview", follow_redirects=True)
    src = str(BeautifulSoup(page.text, "html.parser").select("iframe")[0]["src"])

    assert "You will read 3 texts" in ada.get(src).text


def test_every_address_in_a_preview_stays_in_it(ada: FlaskClient, frame_url: str) -> None:
    page = ada.get(frame_url)

    mount = frame_url.split("/s/", maxsplit=1)[0]
    addresses = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
    assert addresses
    assert all(address.startswith(mount) for address in addresses)
    for address in addresses:
        assert ada.get(address).status_code == 200


def test_a_preview_may_be_framed_by_the_desk_alone(ada: FlaskClient, frame_url: str) -> None:
    headers = ada.get(frame_url).headers

    assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'none'" in ada.get(STUDY).headers["Content-Security-Policy"]


@pytest.mark.parametrize("key", ["k" * 22, "..", "%2e%2e%2frating", "k"])
def test_a_preview_that_is_not_there_is_not_there(ada: FlaskClient, key: str) -> None:
    assert ada.get(f"{STUDY}/previews/{key}/s/quiet-river").status_code == 404
    assert ada.get(f"{STUDY}/preview/{key}").status_code in {303, 404}


def test_any_address_in_a_preview_is_taken_as_it_was_sent(ada: FlaskClient, frame_url: str) -> None:
    mount = frame_url.split("/s/", maxsplit=1)[0]

    for rest in ("ü", "%E2%80%AE", "%FF", "s/quiet-river/%00"):
        assert ada.get(f"{mount}/{rest}").status_code in {303, 404}


def test_old_previews_make_room(
    ada: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # a low number: each takes a while
    monkeypatch.setattr("rater.web.desk.preview_copies._MAX_COPIES", 2)
    for _ in range(4):
        ada.post(f"{STUDY}/preview")

    assert sorted(path.suffix for path in (tmp_path / "previews").iterdir()) == [".db", ".db"]


@pytest.fixture
def whole_url(ada: FlaskClient, publish_study: Callable[..., str], whole: Protocol) -> str:
    """The address of a preview of a study with every kind of page."""
    publish_study(slug="whole", name="whole", shown=whole)
    return str(ada.post("/desk/studies/whole/preview").headers["Location"])


def frame_of(ada: FlaskClient, url: str) -> TestResponse:
    src = str(BeautifulSoup(ada.get(url).text, "html.parser").select("iframe")[0]["src"])
    return ada.get(src, follow_redirects=True)


def test_the_end_of_a_preview_names_the_address_and_does_not_lead_there(
    ada: FlaskClient, whole_url: str
) -> None:
    sent = ada.post(f"{whole_url}/jump", data={"page": "thanks"})

    page = BeautifulSoup(frame_of(ada, sent.headers["Location"]).text, "html.parser")

    would_lead = " ".join(page.select("#would-lead")[0].get_text(" ").split())
    assert would_lead.startswith(
        "This is a preview. In the study, this page continues to example.org by itself"
    )
    assert would_lead.endswith("https://example.org/done")
    assert page.select("#onward, #countdown, a[href^='http']") == []
    assert page.select("#code")[0].get_text() == "DONE-1"


def test_a_preview_is_shown_as_wide_as_a_phone_and_in_the_dark(ada: FlaskClient, whole_url: str) -> None:
    page = BeautifulSoup(ada.get(f"{whole_url}?width=phone&scheme=dark").text, "html.parser")
    frame = page.select("iframe")[0]
    sheets = BeautifulSoup(ada.get(str(frame["src"])).text, "html.parser").select("link[rel=stylesheet]")
    css = [ada.get(str(sheet["href"])).text for sheet in sheets]

    assert "frame-phone" in frame["class"]
    assert [str(each["value"]) for each in page.select("option[selected]")] == ["phone", "dark", "consent"]
    assert len(css) == 2  # ours, and the study's accent
    assert all("prefers-color-scheme" not in text and "@media all" in text for text in css)
    assert "color-scheme: dark" in css[0]
    ada.get(f"{whole_url}?scheme=device")
    assert "scheme=" not in ada.get(str(frame["src"])).text
