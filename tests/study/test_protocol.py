import re
from collections.abc import Callable

import pytest
from pydantic import ValidationError

from rater import (
    AttentionCheck,
    DimensionTranslation,
    Pairwise,
    Plan,
    Recruitment,
    ShuffledWords,
    Study,
    Translation,
)
from rater.study.dimension import Dimension
from rater.study.practice_and_checks import Practice
from rater.study.protocol import Protocol
from rater.study.scales import Likert
from rater.study.visit import PROLIFIC, BlindingQuestion, ScreeningQuestion

Declare = Callable[..., Study]


HAPPINESS = Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very"))


FLUENCY = Dimension(name="fluency", question="How fluent?", scale=Likert(low="not", high="very"))


TWO_TEXTS = AttentionCheck(prompt="a", text="b", other_texts=("c",), accepted={"happiness": (1, 1)})


PREFERENCE = Dimension(name="preference", question="Which is happier?", scale=Pairwise())


def test_a_trial_shows_one_text_or_two_but_not_both_kinds(declare: Declare) -> None:
    with pytest.raises(ValidationError, match="differ in the number of texts"):
        declare(dimensions=[HAPPINESS, PREFERENCE])


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("practice", [Practice(prompt="a", text="b", other_texts=("c",))], r"practice\[0\] has 2 texts"),
        ("practice", [Practice(prompt="a", text="b", accepted={"joy": (1, 2)})], "unknown dimension 'joy'"),
        (
            "practice",
            [Practice(prompt="a", text="b", accepted={"happiness": (4, 6)})],
            r"accepted\['happiness'\] has 6; valid: 1 to 5",
        ),
        ("practice_pass", 1, "practice_pass is 1, but 0 practice trials have"),
        (
            "plan",
            Plan(checks=[TWO_TEXTS]),
            r"plan.checks\[0\] has 2 texts",
        ),
        ("guessed_arms", ["nobody"], "guessed_arms: unknown arm 'nobody'"),
        ("translations", {"en": Translation(title="x")}, "the language of the study"),
        (
            "translations",
            {"de": Translation(dimensions={"joy": DimensionTranslation()})},
            "unknown dimension 'joy'",
        ),
    ],
)
def test_what_does_not_fit_the_study_is_refused(
    declare: Declare, field: str, value: object, said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        declare(**{field: value})


def test_shuffled_words_check_one_text_only(declare: Declare) -> None:
    check = ShuffledWords(dimension="preference", accepted=(-1, -1))

    with pytest.raises(ValidationError, match="shuffles one text, but trials of this study show 2"):
        declare(dimensions=[PREFERENCE], plan=Plan(checks=[check]))


def test_a_check_says_what_passes_on_each_dimension_that_may_be_asked_alone(declare: Declare) -> None:
    check = AttentionCheck(prompt="a", text="Choose 1.", accepted={"happiness": (1, 1)})

    with pytest.raises(ValidationError, match="no accepted answers for 'fluency'"):
        declare(dimensions=[HAPPINESS, FLUENCY], plan=Plan(checks=[check], asking="one_per_rater"))


def test_auto_advance_needs_a_single_question_of_choices(declare: Declare) -> None:
    with pytest.raises(ValidationError, match="auto_advance needs a single dimension"):
        declare(dimensions=[HAPPINESS, FLUENCY], auto_advance=True)


def test_the_number_of_raters_follows_from_the_ratings_wanted(declare: Declare) -> None:
    study = declare(plan=Plan(ratings_per_item=5, items_per_rater=4))

    assert study.n_raters == 20  # 16 texts × 5 ratings, 4 a rater
    assert study.design.ratings_per_item == 5


def test_raters_and_ratings_that_do_not_agree_are_refused(declare: Declare) -> None:
    with pytest.raises(ValidationError, match=r"plan.raters is 7, but 5 ratings .* need 20"):
        declare(plan=Plan(raters=7, ratings_per_item=5))


def test_a_screening_accepts_what_it_offers() -> None:
    with pytest.raises(ValidationError, match="accepted has 'Ja', which is not an option"):
        ScreeningQuestion(question="Do you speak English?", options=["Yes", "No"], accepted=["Ja"])


def test_participants_are_excluded_by_the_id_of_a_recruitment_site(protocol: Protocol) -> None:
    excluding = {**protocol.model_dump(), "excluded_studies": ["pilot"]}

    with pytest.raises(ValidationError, match="excluded_studies is set, but recruitment is not"):
        Protocol.model_validate(excluding)
    recruited = Protocol.model_validate({**excluding, "recruitment": PROLIFIC})
    assert recruited.excluded_studies == ("pilot",)


def test_parameters_of_a_recruitment_site_are_named_once() -> None:
    with pytest.raises(ValidationError, match="'pid' twice"):
        Recruitment(participant_id="pid", other_parameters=["pid"])


def test_the_answers_to_the_blinding_question_differ() -> None:
    with pytest.raises(ValidationError, match="'Yes' twice"):
        BlindingQuestion(labels=("Yes", "No"), unsure="Yes")


def test_a_question_about_all_texts_needs_words_of_its_own() -> None:
    with pytest.raises(ValidationError, match="n_texts=0 asks about all texts"):
        BlindingQuestion(n_texts=0)


@pytest.mark.parametrize("guessed", [["unsteered", "steered"], []])
def test_a_guess_of_the_arm_can_be_wrong(declare: Declare, guessed: list[str]) -> None:
    with pytest.raises(ValidationError, match=r"would be correct for .* guessed_arms=\['steered'\]"):
        declare(blinding=BlindingQuestion(), guessed_arms=guessed)


def test_the_answers_that_count_are_two_ends_and_no_list_of_all() -> None:
    with pytest.raises(ValidationError, match="the lowest and the highest answer"):
        Practice(prompt="a", text="b", accepted={"happiness": (3, 4, 5)})


def test_the_blinding_question_s_own_words_are_true_of_texts_that_no_model_wrote() -> None:
    asked = BlindingQuestion()
    words = " ".join((asked.question, *asked.labels, asked.unsure))

    assert not re.search("model|chang|inside|steer|machine", words, re.IGNORECASE)


@pytest.mark.parametrize(
    ("recruitment", "declared", "hours"),
    [(None, None, None), (None, 48.0, 48.0), (PROLIFIC, None, 4.0), (PROLIFIC, 24.0, 24.0)],
)
def test_a_place_is_kept_for_four_hours_where_a_recruitment_site_is_declared(
    protocol: Protocol, recruitment: Recruitment | None, declared: float | None, hours: float | None
) -> None:
    update = {"recruitment": recruitment, "reassign_after_hours": declared}

    assert protocol.model_copy(update=update).inactive_hours == hours
