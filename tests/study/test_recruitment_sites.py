from decimal import Decimal

import pytest

from rater.study.endings import Ending, Endings
from rater.study.protocol import Protocol
from rater.study.recruitment_sites import (
    Pay,
    Site,
    compare_median,
    mturk_html,
    outcome_codes,
    pay_for,
    screening_text,
    setup_problems,
    site_of,
    study_link,
)
from rater.study.visit import (
    CLOUDRESEARCH,
    MTURK,
    PROLIFIC,
    SONA,
    Recruitment,
    ScreeningQuestion,
)

ADDRESS = "https://ratings.example.org/s/quiet-river"
CREDIT = "https://uni.sona-systems.com/webstudy_credit.aspx?experiment_id=1&credit_token=0f&survey_code={survey_code}"


def recruited(protocol: Protocol, site: Recruitment | None, **update: object) -> Protocol:
    return Protocol.model_validate({**protocol.model_dump(), "recruitment": site, **update})


@pytest.mark.parametrize(
    ("recruitment", "site", "query"),
    [
        (
            PROLIFIC,
            Site.PROLIFIC,
            "?PROLIFIC_PID={{%PROLIFIC_PID%}}&STUDY_ID={{%STUDY_ID%}}&SESSION_ID={{%SESSION_ID%}}",
        ),
        (CLOUDRESEARCH, Site.CLOUDRESEARCH, ""),
        (MTURK, Site.MTURK, ""),
        (SONA, Site.SONA, "?survey_code=%SURVEY_CODE%"),
        (
            Recruitment(participant_id="rid", other_parameters=("wave",)),
            Site.OTHER,
            "?rid=REPLACE_rid&wave=REPLACE_wave",
        ),
        (None, Site.OPEN, ""),
    ],
)
def test_the_link_has_the_placeholders_of_the_site(
    protocol: Protocol, recruitment: Recruitment | None, site: Site, query: str
) -> None:
    study = recruited(protocol, recruitment)

    assert site_of(study) is site
    assert study_link(study, ADDRESS) == ADDRESS + query


def test_a_study_for_invited_raters_is_recruited_by_personal_links(protocol: Protocol) -> None:
    assert site_of(recruited(protocol, None, invited_only=True)) is Site.PERSONAL


def test_the_html_of_a_hit_adds_the_declared_parameters_to_the_link(protocol: Protocol) -> None:
    page = mturk_html(recruited(protocol, MTURK), ADDRESS)

    assert f'new URL("{ADDRESS}")' in page
    assert '["workerId", "assignmentId", "hitId"]' in page


def test_outcomes_with_a_code_or_an_address_are_listed_in_order(protocol: Protocol) -> None:
    endings = Endings(finished=Ending(code="C1", url="https://example.org/?cc=C1"), stopped=Ending(code="P1"))

    codes = outcome_codes(recruited(protocol, PROLIFIC, endings=endings))

    assert [(each.outcome, each.code, each.url) for each in codes] == [
        ("finished", "C1", "https://example.org/?cc=C1"),
        ("stopped", "P1", None),
    ]
    assert codes[1].label == "Stopped early"


def test_the_screening_text_names_the_options_of_eligible_raters(protocol: Protocol) -> None:
    adult = ScreeningQuestion(question="Are you 18 or older?", options=("Yes", "No"), accepted=("Yes",))

    assert screening_text(recruited(protocol, None, screening=(adult,))) == (
        "1. Are you 18 or older?\n- Yes (eligible)\n- No (not eligible)"
    )
    assert screening_text(protocol) == ""


def test_the_payment_per_hour_follows_from_payment_and_minutes() -> None:
    assert Pay(Decimal("2.50"), 12, "an estimate").per_hour == Decimal("12.50")
    assert Pay(Decimal(1), 7, "an estimate").per_hour == Decimal("8.57")
    assert pay_for(Decimal(9), 20) == Decimal("3.00")


@pytest.mark.parametrize(
    ("median", "n_finished", "expected"),
    [
        (20.0, 9, ""),
        (12.4, 10, "Median of 10 raters: 12.4 minutes; shown to raters: 12."),
        (20.0, 10, "longer than estimated: amend minutes, and raise the payment."),
        (6.0, 1000, "Median of 1,000 raters: 6.0 minutes"),
    ],
)
def test_the_median_is_compared_once_ten_raters_have_finished(
    median: float, n_finished: int, expected: str
) -> None:
    compared = compare_median(12, median, n_finished=n_finished)

    assert expected in compared
    assert bool(compared) == (n_finished >= 10)


def problems(protocol: Protocol, address: str = ADDRESS) -> str:
    return "\n".join(setup_problems(protocol, address))


def test_a_complete_set_up_has_no_problems(protocol: Protocol) -> None:
    endings = Endings(finished=Ending(code="C1", url="https://app.prolific.com/submissions/complete?cc=C1"))

    assert problems(recruited(protocol, PROLIFIC, endings=endings, contact="Ada, ada@example.org")) == ""


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("http://127.0.0.1:8000/s/x", "works on this machine only"),
        ("http://localhost/s/x", "works on this machine only"),
        ("http://ratings.example.org/s/x", "The address is http"),
    ],
)
def test_an_address_that_raters_cannot_use_is_named(protocol: Protocol, address: str, named: str) -> None:
    assert named in problems(protocol, address)


def test_codes_that_the_site_cannot_use_are_named(protocol: Protocol) -> None:
    adult = ScreeningQuestion(question="Adult?", options=("Yes", "No"), accepted=("Yes",))
    endings = Endings(
        stopped=Ending(code="SAME", url="https://app.prolific.com/submissions/complete?cc=OTHER"),
        full=Ending(code="SAME"),
    )

    named = problems(recruited(protocol, PROLIFIC, endings=endings, screening=(adult,), invited_only=True))

    assert "endings.finished has neither code nor url" in named
    assert "endings.screened_out has neither code nor url" in named
    assert "The outcomes stopped, full share the code SAME" in named
    assert "endings.stopped has the code SAME, but its url sends cc=OTHER" in named
    assert "invited_only is set" in named


def test_participants_without_an_id_are_not_recognised_as_excluded(protocol: Protocol) -> None:
    required = PROLIFIC.model_copy(update={"required": True})

    assert "excluded_studies" in problems(recruited(protocol, PROLIFIC, excluded_studies=("pilot",)))
    assert "excluded_studies" not in problems(recruited(protocol, required, excluded_studies=("pilot",)))


def test_sona_needs_its_survey_code_in_the_completion_url(protocol: Protocol) -> None:
    without = Endings(finished=Ending(url="https://uni.sona-systems.com/webstudy_credit.aspx"))

    assert "{survey_code}" in problems(recruited(protocol, SONA, endings=without))
    assert "SONA" not in problems(recruited(protocol, SONA, endings=Endings(finished=Ending(url=CREDIT))))
