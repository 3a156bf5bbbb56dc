from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from rater.errors import StateError
from rater.server_process import serving


def test_a_study_is_served_during_the_block_and_no_longer(
    publish_study: Callable[..., str], rating_url: str, tmp_path: Path
) -> None:
    slug = publish_study()

    with serving(rating_url, tmp_path) as address:
        assert httpx.get(f"{address}/s/{slug}").status_code == 200

    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_server_that_cannot_start_is_an_error_with_its_output(tmp_path: Path) -> None:
    with (
        pytest.raises(StateError, match=r"The server did not start: .*missing\.db"),
        serving(f"sqlite:///{tmp_path / 'missing.db'}", tmp_path),
    ):
        pass
