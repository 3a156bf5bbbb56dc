from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from rater.prolific.client import ProlificClient, ProlificError
from rater.prolific.studies import (
    Device,
    Draft,
    DraftOptions,
    StudyAction,
    change_state,
    create_draft,
    describe_study,
    draft_published,
    draft_study,
    read_study,
)
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from rater.study.endings import Ending, Endings
from rater.study.protocol import Protocol
from rater.study.visit import PROLIFIC
from tests.prolific.conftest import STUDY_ID
from tests.prolific.prolific_site import Site

ADDRESS = "https://ratings.example.org/s/quiet-river"
OPTIONS = DraftOptions(n_places=20, reward=Decimal("2.50"))


@pytest.fixture
def paid(protocol: Protocol) -> Protocol:
    endings = Endings(
        finished=Ending(code="C1"),
        screened_out=Ending(code="S1"),
        declined=Ending(code="N1"),
        full=Ending(code="S1"),
    )
    return protocol.model_copy(update={"recruitment": PROLIFIC, "endings": endings})


def drafted(protocol: Protocol, options: DraftOptions = OPTIONS, address: str = ADDRESS) -> Draft:
    return draft_study(protocol, address, options, name="a_study", minutes=12, n_trials=40)


def test_the_payload_has_link_codes_places_minutes_and_reward_in_cents(paid: Protocol) -> None:
    payload = drafted(paid, replace(OPTIONS, devices=(Device.DESKTOP,))).as_payload()

    assert payload["external_study_url"].startswith(
        f"{ADDRESS}?PROLIFIC_PID={{{{%PROLIFIC_PID%}}}}&STUDY_ID="
    )
    assert payload["prolific_id_option"] == "url_parameters"
    assert payload["total_available_places"] == 20
    assert payload["estimated_completion_time"] == 12
    assert payload["reward"] == 250
    assert payload["device_compatibility"] == ["desktop"]
    assert payload["internal_name"] == "a_study"
    assert payload["description"] == "Read 40 texts and answer questions about them. About 12 minutes."


def test_each_code_is_sent_once_with_its_type_and_what_prolific_does(paid: Protocol) -> None:
    codes = drafted(paid).as_payload()["completion_codes"]

    assert [(each["code"], each["code_type"]) for each in codes] == [
        ("C1", "COMPLETED"),
        ("S1", "OTHER"),
        ("N1", "NO_CONSENT"),
    ]
    assert [each["actions"][0]["action"] for each in codes] == [
        "MANUALLY_REVIEW",
        "MANUALLY_REVIEW",
        "REQUEST_RETURN",
    ]


def test_finished_participants_are_approved_automatically_on_request(paid: Protocol) -> None:
    codes = drafted(paid, replace(OPTIONS, approves_finished=True)).as_payload()["completion_codes"]

    assert codes[0]["actions"] == [{"action": "AUTOMATICALLY_APPROVE"}]


def test_a_draft_is_described_with_the_payment_per_hour_and_in_all(paid: Protocol) -> None:
    text = "\n".join(drafted(paid).describe())

    assert "Reward: 2.50 per participant, which is 12.50 per hour" in text
    assert "Rewards in all: 50.00" in text
    assert "Code N1: NO_CONSENT, asked to return the submission, without pay" in text


@pytest.mark.parametrize(
    ("options", "address", "named"),
    [
        (OPTIONS, "http://ratings.example.org/s/x", "valid: an https address"),
        (replace(OPTIONS, n_places=0), ADDRESS, "--places is 0"),
        (replace(OPTIONS, reward=Decimal("2.505")), ADDRESS, "--reward is 2.505"),
        (replace(OPTIONS, reward=Decimal(-1)), ADDRESS, "--reward is -1"),
        (replace(OPTIONS, reward=Decimal("NaN")), ADDRESS, "--reward is NaN"),
    ],
)
def test_a_setting_that_is_not_valid_is_named(
    paid: Protocol, options: DraftOptions, address: str, named: str
) -> None:
    with pytest.raises(ProlificError, match=named):
        drafted(paid, options, address)


def test_a_study_that_prolific_cannot_recruit_for_is_refused(protocol: Protocol, paid: Protocol) -> None:
    without_code = paid.model_copy(update={"endings": Endings(stopped=Ending(code="P1"))})

    with pytest.raises(ProlificError, match="valid: recruitment=PROLIFIC"):
        drafted(protocol)
    with pytest.raises(ProlificError, match=r"endings\.finished of a_study has no code"):
        drafted(without_code)


def test_a_draft_is_created_unpublished(client: ProlificClient, site: Site, paid: Protocol) -> None:
    made = create_draft(client, drafted(paid))

    assert site.studies[made]["status"] == "UNPUBLISHED"
    assert site.studies[made]["name"] == paid.title


def test_the_site_s_objection_to_a_draft_is_reported(client: ProlificClient, paid: Protocol) -> None:
    poor = drafted(paid, replace(OPTIONS, reward=Decimal("0.50")))

    with pytest.raises(ProlificError, match="reward: The minimum reward is"):
        create_draft(client, poor)


def test_a_published_study_is_drafted_with_its_slug_and_minutes(
    publish_study: Callable[..., str], rating_url: str, paid: Protocol
) -> None:
    slug = publish_study(slug="paid-river", name="paid", shown=paid.model_copy(update={"minutes": 9}))

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        draft = draft_published(session, get_study(session, "paid"), "https://ratings.example.org/", OPTIONS)

    assert draft.link.startswith(f"https://ratings.example.org/s/{slug}?PROLIFIC_PID=")
    assert draft.minutes == 9


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [
        ("UNPUBLISHED", StudyAction.PUBLISH, "ACTIVE"),
        ("ACTIVE", StudyAction.PAUSE, "PAUSED"),
        ("PAUSED", StudyAction.START, "ACTIVE"),
        ("ACTIVE", StudyAction.STOP, "AWAITING REVIEW"),
    ],
)
def test_the_state_of_a_study_is_changed(
    client: ProlificClient, site: Site, before: str, action: StudyAction, after: str
) -> None:
    site.studies[STUDY_ID]["status"] = before

    assert change_state(client, STUDY_ID, action) == after


def test_a_change_that_the_site_refuses_is_reported(client: ProlificClient) -> None:
    with pytest.raises(ProlificError, match="Cannot START a study that is ACTIVE"):
        change_state(client, STUDY_ID, StudyAction.START)


def test_a_study_is_described_with_its_cost_in_the_currency(client: ProlificClient) -> None:
    assert describe_study(read_study(client, STUDY_ID)) == [
        "Title: How happy are these texts?",
        "State: ACTIVE",
        "Places: 3 taken of 20",
        "Reward: 2.50 GBP",
        "Total cost: 66.67 GBP",
    ]
