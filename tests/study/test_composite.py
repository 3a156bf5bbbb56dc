import pytest
from pydantic import ValidationError

from rater.study.composite import Composite, make_composite, make_composites
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Pairwise, Slider

CONCEPT = Dimension(
    name="concept", question="How clear is it?", scale=Slider(minimum=0, maximum=2, low="no", high="yes")
)
FLUENCY = Dimension(
    name="fluency", question="How fluent is it?", scale=Slider(minimum=0, maximum=2, low="no", high="yes")
)


def test_a_composite_has_the_range_of_its_parts() -> None:
    overall = make_composite("overall", "harmonic_mean", ("concept", "fluency"), [CONCEPT, FLUENCY])

    assert (overall.scale.lowest, overall.scale.highest) == (0.0, 2.0)
    assert overall.scale.is_valid(1.5)
    assert not overall.scale.is_valid(2.1)
    assert overall.question == "harmonic mean of concept and fluency, within each answer"


def test_parts_on_different_scales_are_refused() -> None:
    likert = FLUENCY.model_copy(update={"scale": Likert(points=5, low="no", high="yes")})

    with pytest.raises(ValueError, match=r"different scales.*0 to 2.*1 to 5"):
        make_composite("overall", "mean", ("concept", "fluency"), [CONCEPT, likert])


def test_a_harmonic_mean_of_negative_answers_is_refused_with_the_cure() -> None:
    negative = [
        each.model_copy(update={"scale": Slider(minimum=-3, maximum=3, low="no", high="yes")})
        for each in (CONCEPT, FLUENCY)
    ]

    with pytest.raises(ValueError, match="begins at -3; valid: by='minimum' or 'mean'"):
        make_composite("overall", "harmonic_mean", ("concept", "fluency"), negative)
    assert make_composite("overall", "minimum", ("concept", "fluency"), negative).scale.lowest == -3


def test_an_unknown_or_repeated_part_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown part 'fluensy'.*fluency"):
        make_composite("overall", "mean", ("concept", "fluensy"), [CONCEPT, FLUENCY])
    with pytest.raises(ValueError, match="'concept' twice"):
        make_composite("overall", "mean", ("concept", "concept"), [CONCEPT, FLUENCY])


def test_a_composite_cannot_have_the_name_of_a_dimension() -> None:
    with pytest.raises(ValueError, match="'concept' has the name of a dimension"):
        make_composite("concept", "mean", ("concept", "fluency"), [CONCEPT, FLUENCY])


def test_choices_between_texts_cannot_be_combined() -> None:
    pairs = [each.model_copy(update={"scale": Pairwise()}) for each in (CONCEPT, FLUENCY)]

    with pytest.raises(ValueError, match="compares texts"):
        make_composite("overall", "mean", ("concept", "fluency"), pairs)


def test_two_composites_need_different_names() -> None:
    twice = [Composite(name="overall", of=("concept", "fluency"), by=rule) for rule in ("mean", "minimum")]

    with pytest.raises(ValueError, match="'overall' twice"):
        make_composites(twice, [CONCEPT, FLUENCY])


def test_a_composite_needs_two_parts() -> None:
    with pytest.raises(ValidationError):
        Composite(name="overall", of=("concept",), by="mean")
