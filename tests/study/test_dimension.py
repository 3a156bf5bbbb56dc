from rater.study.dimension import Dimension
from rater.study.scales import Likert

CLEAR = Dimension(
    name="presence",
    question="How clearly is {concept} present?",
    scale=Likert(low="no {concept}", high="clearly", labels={3: "some {concept}"}),
    comment="Where is {concept}?",
)


def test_the_fields_of_a_text_are_filled_in_everywhere() -> None:
    asked = CLEAR.filled({"concept": "love"})

    assert asked.question == "How clearly is love present?"
    assert asked.comment == "Where is love?"
    assert [choice.label for choice in asked.scale.choices] == ["no love", "", "some love", "", "clearly"]
    assert asked.name == "presence"


def test_a_dimension_without_fields_is_asked_as_it_is() -> None:
    plain = Dimension(name="joy", question="How happy?", scale=Likert(low="not", high="very"))

    assert plain.filled({"concept": "love"}) is plain


def test_each_template_has_its_place_in_the_study_file() -> None:
    assert dict(CLEAR.templates) == {
        "question": "How clearly is {concept} present?",
        "comment": "Where is {concept}?",
        "scale.low": "no {concept}",
        "scale.high": "clearly",
        "scale.labels[3]": "some {concept}",
    }
