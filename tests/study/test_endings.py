import pytest
from pydantic import ValidationError

from rater.study.endings import Ending, Endings, Outcome
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC, LeavingReason, Recruitment

SONA = "https://uni.sona-systems.com/webstudy_credit.aspx?experiment_id=1&credit_token=abc&survey_code="


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (f"{SONA}{{survey_code}}", f"{SONA}4%2F7%20%C3%A9%26"),
        ("https://x.org/{survey_code}/done#{list}", "https://x.org/4%2F7%20%C3%A9%26/done#1"),
        ("https://x.org/done?cc=C1ABC", "https://x.org/done?cc=C1ABC"),
    ],
)
def test_an_ending_s_address_takes_identifiers_percent_encoded(url: str, found: str) -> None:
    assert Ending(url=url).address_for({"survey_code": "4/7 é&", "list": "1"}) == found


def test_an_address_whose_identifier_is_missing_is_no_way_out() -> None:
    assert Ending(url=f"{SONA}{{survey_code}}").address_for({"list": "1"}) is None


@pytest.mark.parametrize(
    "placeholder",
    [
        *("%SURVEY_CODE%", "{{%SESSION_ID%}}", "${e://Field/ID}", "$ID", "[ID]", "%25ID%25", "__ID__"),
        *("{{ID}}", "%7BID%7D", "@@ID@@", ":ID", "*|ID|*", "{}", "{1}", "%ID"),
    ],
)
def test_a_placeholder_that_nobody_fills_in_is_refused(placeholder: str) -> None:
    with pytest.raises(ValidationError, match="a placeholder that is never replaced"):
        Ending(url=SONA + placeholder)


@pytest.mark.parametrize(
    "url",
    [
        "https://{survey_code}/",
        "https://{survey_code}.example.org/",
        "https://x@{survey_code}/",
        "https://%ID%/",
    ],
)
def test_the_host_of_an_address_is_fixed(url: str) -> None:
    with pytest.raises(ValidationError, match="no fixed host"):
        Ending(url=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://x.org/?q=50%25",
        "https://x.org/caf%C3%A9",
        "https://[::1]/x",
        "https://x.org/?a[b]=1&$top=3",
        "https://x.org/Foo_(bar)#:~:text=abc",
        "https://x.org/?t=10:30&mail=a@b.org",
    ],
)
def test_an_address_without_placeholders_is_as_it_is(url: str) -> None:
    assert Ending(url=url).address_for({}) == url


@pytest.mark.parametrize("code", ["{{CODE}}", "%CODE%", "[code]", "$CODE"])
def test_a_code_that_is_a_placeholder_is_refused(code: str) -> None:
    with pytest.raises(ValidationError, match="is an unfilled placeholder"):
        Ending(code=code)


@pytest.mark.parametrize(
    ("recruitment", "valid"), [(None, "recruitment is not set"), (PROLIFIC, "{SESSION_ID}")]
)
def test_an_address_takes_declared_parameters_only(
    protocol: Protocol, recruitment: Recruitment | None, valid: str
) -> None:
    endings = Endings(full=Ending(url=f"{SONA}{{survey_code}}"))

    with pytest.raises(ValidationError, match=r"endings.full.url contains \{survey_code\}") as caught:
        Protocol.model_validate({**dict(protocol), "endings": endings, "recruitment": recruitment})

    assert valid in str(caught.value)


def test_an_outcome_without_an_ending_has_the_codes_of_the_usual_one_and_other_words() -> None:
    endings = Endings(
        finished=Ending(code="DONE"),
        stopped=Ending(code="STOP", text="You stopped."),
        failed_practice=Ending(text="Thank you for practising."),
    )

    assert endings.of(Outcome.FAILED_CHECKS) == Ending(code="DONE")
    assert endings.of(Outcome.WITHDRAWN) == Ending(code="STOP")
    assert endings.of(Outcome.FAILED_PRACTICE) == Ending(text="Thank you for practising.")


def test_every_outcome_is_an_ending_and_every_reason_for_leaving_an_outcome() -> None:
    assert list(Endings.model_fields) == [outcome.value for outcome in Outcome]
    assert all(Outcome.of_leaving(why) in Outcome for why in LeavingReason)


def test_who_finishes_reads_the_thanks_alone() -> None:
    with pytest.raises(ValidationError, match="valid: thanks="):
        Endings(finished=Ending(text="Well done."))


def test_the_text_of_an_ending_is_translated(protocol: Protocol) -> None:
    endings = Endings(full=Ending(code="FULL", text="All places are taken."))
    translation = {"endings": {"full": "Kein Platz mehr."}}
    shown = Protocol.model_validate(
        {**dict(protocol), "endings": endings, "translations": {"de": translation}}
    )

    assert shown.in_language("de").endings.full == Ending(code="FULL", text="Kein Platz mehr.")
    assert shown.in_language("en").endings.full.text == "All places are taken."


def test_a_translation_of_an_ending_without_a_text_is_refused(protocol: Protocol) -> None:
    translation = {"endings": {"paused": "Pause."}}

    with pytest.raises(ValidationError, match=r"endings.paused has no text of its own"):
        Protocol.model_validate({**dict(protocol), "translations": {"de": translation}})
