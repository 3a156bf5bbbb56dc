from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.web.desk.conftest import soup, unblind, words

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


def test_the_only_primary_button_is_what_comes_next(
    ada: FlaskClient, add_raters: AddRaters, rating_url: str
) -> None:
    assert words(soup(ada.get(STUDY)), ".primary") == []  # raters are still to come
    add_raters(3, 3, 3)
    assert words(soup(ada.get(STUDY)), ".primary") == ["Close the study"]
    assert "Invite" in words(soup(ada.get(STUDY)), "a.button")
    unblind(rating_url)
    assert words(soup(ada.get(STUDY)), ".primary") == []
    assert "Invite" not in words(soup(ada.get(STUDY)), "a.button")  # nobody can come any more


@pytest.mark.parametrize("to", ["published", "unblinded", "open", "nonsense"])
def test_no_other_move_is_made(ada: FlaskClient, rows: Rows, to: str) -> None:
    assert ada.get(f"{STUDY}/move/{to}").status_code == 404
    assert ada.post(f"{STUDY}/move/{to}").status_code == 303
    assert rows("SELECT state FROM study") == [("open",)]
