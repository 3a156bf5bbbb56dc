from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest

from rater.study.protocol import Dimension
from rater.study.scales import Likert
from rater.web.forms import read_decision
from rater.web.trial_form import read_trial_form

ID = "0123456789abcdef"
HAPPINESS = Dimension(name="happiness", question="?", scale=Likert(points=5, low="a", high="b"))


@pytest.mark.parametrize(
    "form",
    [
        {"answer.happiness": "3"},
        {"submission_id": "", "answer.happiness": "3"},
        {"submission_id": "short", "answer.happiness": "3"},
        {"submission_id": "x" * 65, "answer.happiness": "3"},
        {"submission_id": "<script>alert(1)</script>", "answer.happiness": "3"},
        {"submission_id": ID, "answer.happiness": "0"},
        {"submission_id": ID, "answer.happiness": "6"},
        {"submission_id": ID, "answer.happiness": "3.5"},
        {"submission_id": ID, "answer.happiness": "-1"},
        {"submission_id": ID, "answer.happiness": ""},
        {"submission_id": ID, "answer.happiness": "٣"},
        {"submission_id": ID, "answer.happiness": "9" * 5000},
        {"submission_id": ID, "answer.happiness": "nan"},
        {"submission_id": ID, "answer.happiness": ["3", "4"]},
        {"submission_id": ID, "answer.anger": "3"},
        {"submission_id": ID, "answer.happiness": "3", "extra": "1"},
        {"submission_id": ID, "answer.happiness": "3", "go": "sideways"},
        {"submission_id": ID, "answer.happiness": "3", "shown_ms": "soon"},
        {"submission_id": ID, "answer.happiness": "3", "shown_ms": "-5"},
        {"submission_id": ID, "answer.happiness": "3", "shown_ms": "9" * 16},
        {"submission_id": ID, "answer.happiness": "3", "hidden_ms": "x"},
        {"submission_id": ID, "answer.happiness": "cannot"},
        {"submission_id": ID, "answer.happiness": "3", "cannot.happiness": "1"},
        {"submission_id": ID, "answer.happiness": "3", "comment.happiness": "none is asked for"},
    ],
)
def test_a_malformed_form_is_refused_and_nothing_is_stored(
    client: FlaskClient,
    slug: str,
    enter: Callable[[str], None],
    rows: Callable[[str], list[tuple[Any, ...]]],
    form: dict[str, str],
) -> None:
    enter(slug)

    page = client.post(f"/s/{slug}/trial/1", data=form)

    assert page.status_code == 400
    assert "nothing of it was kept" in page.text
    assert rows("SELECT count(*) FROM answer") == [(0,)]


@pytest.mark.parametrize(
    ("sent", "read"), [("", None), ("0", 0), ("1234", 1234), ("86400000", 86_400_000), ("86400001", None)]
)
def test_a_time_shown_is_kept_up_to_a_day(sent: str, read: int | None) -> None:
    form = MultiDict({"submission_id": ID, "answer.happiness": "3", "shown_ms": sent})

    assert read_trial_form(form, (HAPPINESS,)).timing.shown_ms == read


def test_without_a_script_there_is_no_time_shown() -> None:
    form = MultiDict({"submission_id": ID, "answer.happiness": "3"})

    assert read_trial_form(form, (HAPPINESS,)).timing.shown_ms is None


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"decision": "agree"},
        {"decision": "agree", "token": "short"},
        {"decision": "maybe", "token": "a" * 43},
        {"decision": "agree", "token": "a" * 42 + "\n"},
    ],
)
def test_a_malformed_decision_is_refused(form: dict[str, str]) -> None:
    with pytest.raises(BadRequest):
        read_decision(MultiDict(form))
