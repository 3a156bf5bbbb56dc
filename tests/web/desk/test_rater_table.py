from collections.abc import Callable

from flask.testing import FlaskClient

from tests.web.desk.conftest import soup, words

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


def test_the_table_sorts_both_ways_without_a_script(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(1, 3, 0)
    urls = {link.get_text(): str(link["href"]) for link in soup(ada.get(STUDY)).select(".raters thead a")}
    assert list(urls) == [
        "Arrived (UTC)",
        "Status",
        "Texts rated",
        "Seconds per text",
        "Checks passed",
        "Flags",
    ]

    up = soup(ada.get(urls["Texts rated"]))
    down = soup(ada.get(str(up.select('th[aria-sort="ascending"] a')[0]["href"])))

    assert words(up, ".raters tbody td:nth-child(4)") == ["0 of 3", "1 of 3", "3 of 3"]
    assert words(down, ".raters tbody td:nth-child(4)") == ["3 of 3", "1 of 3", "0 of 3"]


def test_who_is_too_quick_is_flagged_and_not_excluded(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(3, shown_ms=400)

    found = soup(ada.get(STUDY))

    assert words(found, ".raters tbody td")[2:] == ["3 of 3", "0.4", "–", "very fast"]
    assert "1 Finished" in words(found, ".flow li")
