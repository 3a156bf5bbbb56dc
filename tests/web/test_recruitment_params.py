from collections.abc import Callable
from typing import Any

import pytest

from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC

Visit = Callable[[str], Any]


Rows = Callable[[str], list[tuple[Any, ...]]]


Publish = Callable[..., str]


ADA = "5f3a9c0b1d2e3f4a5b6c7d8e"


LINK = f"?PROLIFIC_PID={ADA}&STUDY_ID=s-1&SESSION_ID=t-1&other=x"


@pytest.fixture
def recruited(publish_study: Publish, protocol: Protocol) -> str:
    """A study whose raters come from a recruitment site, and from there only."""
    required = PROLIFIC.model_copy(update={"required": True})
    return publish_study(
        slug="recruited", name="recruited", shown=protocol.model_copy(update={"recruitment": required})
    )


def begin(person: Any) -> Any:
    return person.follow().press("agree").press()


def test_what_the_study_declares_of_a_link_is_kept_and_nothing_else(
    visitor: Visit, recruited: str, rows: Rows
) -> None:
    begin(visitor(recruited).open(LINK))

    assert rows("SELECT name, value, is_person FROM identifier ORDER BY name") == [
        ("PROLIFIC_PID", ADA, 1),
        ("SESSION_ID", "t-1", 0),
        ("STUDY_ID", "s-1", 0),
    ]


def test_a_parameter_may_be_called_what_it_likes(
    visitor: Visit, publish_study: Publish, protocol: Protocol
) -> None:
    odd = PROLIFIC.model_copy(update={"person": "slug", "keep": ("token", "decision"), "pattern": None})
    publish_study(slug="odd", name="odd", shown=protocol.model_copy(update={"recruitment": odd}))

    person = begin(visitor("odd").open("?slug=someone&token=t&decision=decline"))

    assert person.at == "/trial/1"
