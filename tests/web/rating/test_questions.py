from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert, Number


def test_ends_are_always_labelled_and_middle_points_where_the_study_says_so(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None], protocol: Protocol
) -> None:
    scale = Likert(points=3, low="none", high="all", labels={2: "some"})
    dimensions = (*protocol.dimensions, Dimension(name="sense", question="Sense?", scale=scale))
    publish_study(slug="two", name="two", shown=protocol.model_copy(update={"dimensions": dimensions}))
    enter("two")

    text = client.get("/s/two/trial/1").text

    assert '<span dir="auto">not at all happy</span>' in text
    assert '<span class="label" dir="auto">some</span>' in text
    assert text.count("<fieldset") == 2


def test_several_dimensions_keep_what_was_chosen_when_one_is_missing(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None], protocol: Protocol
) -> None:
    sense = Dimension(name="sense", question="Sense?", scale=Likert(points=3, low="none", high="all"))
    dimensions = (*protocol.dimensions, sense)
    publish_study(slug="two", name="two", shown=protocol.model_copy(update={"dimensions": dimensions}))
    enter("two")

    page = client.post("/s/two/trial/1", data={"submission_id": "0123456789abcdef", "answer.happiness": "4"})

    text = " ".join(page.text.split())
    assert page.status_code == 422
    assert 'name="answer.happiness" value="4" checked' in text
    assert 'id="question-1-problem" hidden' in text
    assert 'id="question-2-problem" hidden' not in text


def test_not_applicable_and_confidence_are_shown_in_our_words_or_the_study_s(
    visitor: Callable[[str], Any], publish_study: Callable[..., str], protocol: Protocol
) -> None:
    scale = Likert(points=3, low="none", high="all")
    dimensions = (
        Dimension(name="ours", question="A?", scale=scale, not_applicable=True, confidence=True),
        Dimension(
            name="own",
            question="B?",
            scale=Number(),
            not_applicable="No dialogue",
            confidence="How certain?",
            confidence_labels=("no idea", "certain"),
        ),
    )
    publish_study(slug="two", name="two", shown=protocol.model_copy(update={"dimensions": dimensions}))
    rating = visitor("two").open().follow().press("agree").press()

    legends = [each.get_text() for each in rating.soup.select("fieldset.confidence legend")]
    assert legends == ["How sure are you of this answer?", "How certain?"]
    labels = [
        [each.get_text(" ", strip=True) for each in field.select("label")]
        for field in rating.soup.select("fieldset.confidence")
    ]
    assert labels == [
        ["not sure at all", "not very sure", "fairly sure", "very sure"],
        ["no idea", "certain"],
    ]
    assert [each.get_text(strip=True) for each in rating.soup.select(".unable")] == [
        "Not applicable",
        "No dialogue",
    ]
    rating.press(**{"answer.ours": "2", "confidence.ours": "4"})
    assert "Or choose “No dialogue”." in rating.soup.select_one("#question-2-problem").get_text()
    assert rating.soup.select_one("[name='confidence.ours'][checked]")["value"] == "4"


def test_not_applicable_and_confidence_are_stored_and_shown_when_a_rater_returns(
    visitor: Callable[[str], Any],
    publish_study: Callable[..., str],
    protocol: Protocol,
    rows: Callable[[str], Any],
) -> None:
    scale = Likert(points=3, low="none", high="all")
    dimensions = tuple(
        Dimension(name=name, question="A?", scale=scale, not_applicable=True, confidence=True)
        for name in "ab"
    )
    publish_study(slug="two", name="two", shown=protocol.model_copy(update={"dimensions": dimensions}))
    rating = visitor("two").open().follow().press("agree").press()
    rating.press(**{"answer.a": "2", "confidence.a": "3", "answer.b": "inapplicable", "confidence.b": "4"})

    assert rows("SELECT dimension, value, not_applicable, confidence FROM answer ORDER BY id") == [
        ("a", 2.0, 0, 3),
        ("b", None, 1, None),
    ]
    rating.open("/trial/1")
    checked = {each["name"]: each["value"] for each in rating.soup.select("input[checked]")}
    assert checked == {"answer.a": "2", "confidence.a": "3", "answer.b": "inapplicable"}
