from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from rater.store.rating.publication import NewTrial
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import BestWorst, Likert, Number, Ranking


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


def test_each_rank_of_an_order_is_a_fieldset_with_a_button_for_each_text(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None], protocol: Protocol
) -> None:
    scale = BestWorst(texts=3, best="Happiest <b>", worst="Saddest")
    mood = Dimension(name="mood", question="Which text?", scale=scale, cannot_judge=True)
    publish_groups(publish_study, protocol.model_copy(update={"dimensions": (mood,)}))
    enter("group")

    text = " ".join(client.get("/s/group/trial/1").text.split())

    assert text.count("<fieldset") == 2
    assert "Happiest &lt;b&gt;" in text
    assert [text.count(f'name="answer.mood.{rank}"') for rank in (1, 2, 3)] == [3, 3, 0]
    assert '<span class="visually-hidden"> Group </span>' in text
    assert 'name="cannot.mood"' in text


def test_a_text_that_was_chosen_twice_is_pointed_at_and_everything_else_is_kept(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None], protocol: Protocol
) -> None:
    mood = Dimension(name="mood", question="Order?", scale=Ranking(texts=3, top="first", bottom="last"))
    publish_groups(publish_study, protocol.model_copy(update={"dimensions": (mood,)}))
    enter("group")
    sent = {
        "submission_id": "0123456789abcdef",
        "answer.mood.1": "2",
        "answer.mood.2": "2",
        "answer.mood.3": "1",
    }

    page = client.post("/s/group/trial/1", data=sent)

    text = " ".join(page.text.split())
    assert page.status_code == 422
    assert "each text can be chosen only once" in text
    assert 'id="question-1-1-problem" hidden' in text
    assert 'id="question-1-2-problem" hidden' not in text
    assert text.count(" checked") == 3


def test_a_whole_order_is_saved_and_shown_again(
    client: FlaskClient, publish_study: Callable[..., str], enter: Callable[[str], None], protocol: Protocol
) -> None:
    mood = Dimension(name="mood", question="Order?", scale=Ranking(texts=3, top="first", bottom="last"))
    publish_groups(publish_study, protocol.model_copy(update={"dimensions": (mood,)}))
    enter("group")
    sent = {
        "submission_id": "0123456789abcdef",
        "answer.mood.1": "2",
        "answer.mood.2": "3",
        "answer.mood.3": "1",
    }

    page = client.post("/s/group/trial/1", data=sent)

    assert page.status_code == 303
    again = " ".join(client.get("/s/group/trial/1").text.split())
    for rank, place in ((1, 2), (2, 3), (3, 1)):
        assert f'name="answer.mood.{rank}" value="{place}" checked' in again


def publish_groups(publish_study: Callable[..., str], shown: Protocol) -> None:
    """Publish a study of two trials of three texts each at /s/group."""
    trials = tuple(NewTrial(tuple(f"group-{3 * n + place}" for place in range(3))) for n in (0, 1))
    publish_study(slug="group", name="group", shown=shown, trials=trials, texts=(("We", " ran."),) * 6)
