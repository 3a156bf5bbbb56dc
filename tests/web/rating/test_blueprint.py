from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

Rate = Callable[[str, int, int], TestResponse]


@pytest.mark.parametrize(
    "page", ["", "/consent", "/instructions", "/thanks", "/declined", "/trial/3", "/trial/x"]
)
def test_any_other_page_leads_to_where_a_rater_is(
    client: FlaskClient, slug: str, enter: Callable[[str], None], rate: Rate, page: str
) -> None:
    enter(slug)
    rate(slug, 1, 3)

    answer = client.get(f"/s/{slug}{page}")

    assert (answer.status_code, answer.location) == (303, f"/s/{slug}/trial/2")


@pytest.mark.parametrize("page", ["/", "/other", "/start", "/trial/x"])
def test_an_unknown_page_leads_a_newcomer_to_the_landing_page(
    client: FlaskClient, slug: str, page: str
) -> None:
    answer = client.get(f"/s/{slug}{page}")

    assert (answer.status_code, answer.location) == (303, f"/s/{slug}")
