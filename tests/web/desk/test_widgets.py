from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from rater.web.desk import widgets
from tests.web.desk.conftest import soup, words

NOW = datetime(2026, 2, 3, 4, 5, tzinfo=UTC)


def test_arrivals_are_drawn_from_the_first_to_now() -> None:
    came = [NOW - timedelta(days=2), NOW - timedelta(days=2), NOW - timedelta(hours=1)]

    strip = widgets.strip(came, now=NOW)

    assert strip is not None
    assert (
        strip.description
        == "3 raters arrived from 01 Feb 04:05 UTC to 03 Feb 03:05 UTC, at most 2 per 60 minutes."
    )
    assert [(bar.x, bar.y, bar.height) for bar in strip.bars] == [(0.0, 0.0, 64.0), (470.0, 32.0, 32.0)]
    assert (strip.first, strip.last) == (NOW - timedelta(days=2), NOW)


def test_who_came_just_now_is_drawn_too() -> None:
    strip = widgets.strip([NOW], now=NOW)

    assert strip is not None
    assert [bar.height for bar in strip.bars] == [64.0]
    assert widgets.strip([], now=NOW) is None


@pytest.mark.parametrize("minutes_ago", [0, 1, 47, 49, 5000])
def test_the_axis_ends_with_now_and_holds_every_bar(minutes_ago: int) -> None:
    strip = widgets.strip([NOW - timedelta(minutes=minutes_ago)], now=NOW)

    assert strip is not None
    assert strip.last == NOW
    assert strip.first <= NOW.replace(hour=3, minute=17, second=0)
    assert all(0 <= bar.x <= bar.x + bar.width <= widgets.WIDTH for bar in strip.bars)


def test_bars_of_a_table_are_in_percent_of_the_longest() -> None:
    rows = widgets.rows({"none": 0, "one": 5, "two": 20})

    assert [(row.n, row.width) for row in rows] == [(0, 0.0), (5, 25.0), (20, 100.0)]
    assert widgets.rows({"none": 0})[0].width == 0.0


STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


def test_the_table_sorts_both_ways_without_a_script(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(1, 3, 0)
    urls = {link.get_text(): str(link["href"]) for link in soup(ada.get(STUDY)).select(".raters thead a")}
    assert list(urls) == [
        "Flags",
        "Checks passed",
        "Status",
        "Texts rated",
        "Seconds per text",
        "Arrived",
    ]

    up = soup(ada.get(urls["Texts rated"]))
    down = soup(ada.get(str(up.select('th[aria-sort="ascending"] a')[0]["href"])))

    assert words(up, ".raters tbody td:nth-child(5)") == ["0 of 3", "1 of 3", "3 of 3"]
    assert words(down, ".raters tbody td:nth-child(5)") == ["3 of 3", "1 of 3", "0 of 3"]


def test_who_is_too_quick_is_flagged_and_not_excluded(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(3, shown_ms=400)

    found = soup(ada.get(STUDY))

    assert words(found, ".raters tbody td")[:5] == ["very fast", "–", "finished", "3 of 3", "0.4"]
    assert "1 Finished" in words(found, ".flow li")
