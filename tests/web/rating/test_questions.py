from collections.abc import Callable

from flask.testing import FlaskClient

from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.scales import Likert


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
