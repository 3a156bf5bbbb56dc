"""Give the tests a site like Prolific on loopback, and a client for it that waits for nothing."""

from collections.abc import Iterator

import pytest

from rater.prolific.client import ProlificClient
from tests.prolific.prolific_site import TOKEN, Site, serving

STUDY_ID = "64395e9c2332b8a59a65d51e"


@pytest.fixture
def site() -> Iterator[Site]:
    """The site, with one study that is active."""
    with serving() as running:
        running.add_study(STUDY_ID)
        yield running


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that the client would have waited."""
    return []


@pytest.fixture
def client(site: Site, pauses: list[float]) -> ProlificClient:
    """A client for the site."""
    return ProlificClient(TOKEN, site.url, timeout_s=10, pause=pauses.append)
