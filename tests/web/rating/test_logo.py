"""Every page of a study shows its logo, from an address of its own that a browser can keep."""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image

from rater.study.logo import Logo
from rater.study.protocol import Protocol
from rater.web.security import CONTENT_SECURITY_POLICY

Visit = Callable[[str], Any]


@pytest.fixture
def picture() -> bytes:
    kept = BytesIO()
    Image.new("RGB", (120, 40), "navy").save(kept, "PNG")
    return kept.getvalue()


@pytest.fixture
def shown(protocol: Protocol, picture: bytes) -> Protocol:
    logo = Logo(path="logo.png", alt='The "University" <of> Somewhere', content=b64encode(picture).decode())
    return protocol.model_copy(update={"logo": logo, "final_comment": "Anything unclear?"})


@pytest.fixture
def slug(publish_study: Callable[..., str], shown: Protocol) -> str:
    return publish_study(shown=shown)


def test_every_page_from_the_first_to_the_last_shows_the_logo(visitor: Visit, slug: str) -> None:
    rater = visitor(slug).open()
    pages = [rater.at]
    alternative: list[str] = []

    def note() -> None:
        images = rater.soup.select("main img.logo")
        alternative.extend(str(each["alt"]) for each in images)
        pages.append(rater.at)

    note()
    rater.open("/consent")
    note()
    rater.press("agree")
    note()
    rater.press()
    note()
    for _ in range(3):
        rater.press("next", **{"answer.happiness": "3"})
        note()
    rater.press()
    note()
    rater.press()
    note()

    assert pages[-1] == "/thanks"
    assert alternative == ['The "University" <of> Somewhere'] * (len(pages) - 1)


def test_the_picture_is_served_with_its_type_and_can_be_kept(
    client: FlaskClient, visitor: Visit, slug: str, picture: bytes
) -> None:
    address = str(visitor(slug).open().soup.select_one("img.logo")["src"])

    served = client.get(address)

    assert served.data == picture
    assert served.mimetype == "image/png"
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert served.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
    assert "immutable" in served.headers["Cache-Control"]
    assert "private" in served.headers["Cache-Control"]


@pytest.mark.parametrize("digest", ["0" * 16, "..", "x" * 300])
def test_another_digest_is_not_found(client: FlaskClient, slug: str, digest: str) -> None:
    assert client.get(f"/s/{slug}/logo/{digest}").status_code in {302, 303, 404}
    assert client.get(f"/s/{slug}/logo/{digest}").mimetype != "image/png"


def test_a_study_without_a_logo_shows_none(
    client: FlaskClient, visitor: Visit, publish_study: Callable[..., str], protocol: Protocol, slug: str
) -> None:
    publish_study(slug="plain", name="plain", shown=protocol)

    assert visitor("plain").open().soup.select("img") == []
    assert client.get(f"/s/plain/logo/{'0' * 16}").status_code == 404
