import httpx
import pytest

from rater.errors import RaterError
from rater.prolific.client import ProlificClient, ProlificError, read_message, require_id
from tests.prolific.conftest import STUDY_ID
from tests.prolific.prolific_site import TOKEN, Site


def test_a_request_has_the_token_and_returns_the_object(client: ProlificClient, site: Site) -> None:
    assert client.get("users/me/")["name"] == "Ada"
    assert site.tokens == [f"Token {TOKEN}"]


@pytest.mark.parametrize(
    ("token", "path", "status", "named"),
    [
        ("wrong", "users/me/", 401, "The token in PROLIFIC_TOKEN is not valid"),
        (TOKEN, "studies/forbidden/", 403, "ask the owner of the workspace"),
        (TOKEN, "studies/unknown/", 404, "No Study matches the given query"),
    ],
)
def test_a_refusal_names_the_status_the_site_s_words_and_a_remedy(
    site: Site, token: str, path: str, status: int, named: str
) -> None:
    client = ProlificClient(token, site.url)

    with pytest.raises(ProlificError, match=named) as raised:
        client.get(path)

    assert raised.value.status == status
    assert f"GET /api/v1/{path} ({status})" in str(raised.value)
    assert isinstance(raised.value, RaterError)


def test_errors_by_field_are_reported_field_by_field(client: ProlificClient) -> None:
    with pytest.raises(ProlificError, match="reward: This field is required") as raised:
        client.post("studies/", {"name": "x"}, repeats=False)

    assert raised.value.status == 422


def test_a_busy_site_is_asked_again_after_the_time_that_it_names(
    client: ProlificClient, site: Site, pauses: list[float]
) -> None:
    site.answers_first = [(429, {"Retry-After": "7"}, {}), (429, {}, {}), (503, {}, "down")]

    assert client.get("users/me/")["name"] == "Ada"
    assert pauses == [7.0, 2.0, 4.0]


def test_a_busy_site_also_gets_a_write_again_because_it_was_not_carried_out(
    client: ProlificClient, site: Site
) -> None:
    site.answers_first = [(429, {"Retry-After": "1"}, {})]

    client.post(f"studies/{STUDY_ID}/transition/", {"action": "PAUSE"}, repeats=False)

    assert site.studies[STUDY_ID]["status"] == "PAUSED"


def test_a_site_that_stays_busy_is_reported_after_five_attempts(
    client: ProlificClient, site: Site, pauses: list[float]
) -> None:
    site.answers_first = [(429, {"Retry-After": "3600"}, {"error": {"title": "Throttled"}})] * 9

    with pytest.raises(ProlificError, match="Throttled") as raised:
        client.get("users/me/")

    assert raised.value.status == 429
    assert pauses == [60.0] * 4


@pytest.mark.parametrize("status", [0, 502])
def test_a_write_that_may_not_be_repeated_is_sent_once_and_its_outcome_is_unknown(
    client: ProlificClient, site: Site, status: int
) -> None:
    site.answers_first = [(status, {}, "lost")]

    with pytest.raises(ProlificError, match="It is unknown whether the request was carried out"):
        client.post("bulk-bonus-payments/b0/pay/", repeats=False)

    assert len(site.requests) == 1


def test_a_read_is_repeated_where_the_connection_breaks(client: ProlificClient, site: Site) -> None:
    site.answers_first = [(0, {}, "")]

    assert client.get("users/me/")["name"] == "Ada"
    assert len(site.requests) == 2


def test_a_site_that_cannot_be_reached_is_named(pauses: list[float]) -> None:
    client = ProlificClient(TOKEN, "http://127.0.0.1:9/api/v1", timeout_s=2, pause=pauses.append)

    with pytest.raises(ProlificError, match=r"Prolific \(127.0.0.1\) did not answer GET"):
        client.get("users/me/")

    assert len(pauses) == 4


def test_all_pages_of_a_list_are_read(client: ProlificClient, site: Site) -> None:
    for number in range(7):
        site.add_submission(number, f"p{number}", "APPROVED", study=STUDY_ID)
    site.page_size = 3

    found = list(client.get_results(f"studies/{STUDY_ID}/submissions/"))

    assert [each["participant_id"] for each in found] == [f"p{number}" for number in range(7)]
    assert len(site.requests) == 3


def test_the_token_is_not_sent_to_another_address(client: ProlificClient, site: Site) -> None:
    other = {"results": [], "_links": {"next": {"href": "http://127.0.0.1:9/steal"}}}
    site.answers_first = [(200, {}, other)]

    with pytest.raises(ProlificError, match="continues at another address"):
        list(client.get_results("studies/x/submissions/"))


def test_a_redirect_is_not_followed(client: ProlificClient, site: Site) -> None:
    site.answers_first = [(302, {"Location": "http://127.0.0.1:9/steal"}, "")]

    with pytest.raises(ProlificError, match="302"):
        client.get("users/me/")


@pytest.mark.parametrize("answer", ["<html>", '{"results": 3}'])
def test_an_answer_of_another_form_is_refused(client: ProlificClient, site: Site, answer: str) -> None:
    site.answers_first = [(200, {}, answer)]

    with pytest.raises(ProlificError, match=r"is not JSON|no list of results"):
        list(client.get_results("studies/x/submissions/"))


def test_the_token_is_in_no_message_and_no_representation(client: ProlificClient, site: Site) -> None:
    site.answers_first = [(400, {}, {"error": {"detail": f"bad token {TOKEN}"}})]

    with pytest.raises(ProlificError) as raised:
        client.get("users/me/")

    assert TOKEN not in str(raised.value)
    assert TOKEN not in repr(client)


@pytest.mark.parametrize(
    "url", ["http://api.prolific.com/api/v1", "ftp://x", "https://u:p@x/", "https://x/?a=1", ""]
)
def test_an_address_that_would_show_the_token_is_refused(url: str) -> None:
    with pytest.raises(ProlificError, match="--api-url is"):
        ProlificClient(TOKEN, url)


@pytest.mark.parametrize("token", ["", "   ", "two words"])
def test_a_missing_token_names_its_variable(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("PROLIFIC_TOKEN", token)
    with pytest.raises(ProlificError, match="PROLIFIC_TOKEN is not set"):
        ProlificClient.from_environment()


@pytest.mark.parametrize("value", ["../users", "a b", "", "x" * 65, "a/b", "é"])
def test_an_id_that_is_no_part_of_an_address_is_refused(value: str) -> None:
    with pytest.raises(ProlificError, match="--id is"):
        require_id(value, "--id")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": {"title": "Bad", "detail": ["one", "two"]}}', "Bad; one, two"),
        ('{"detail": "Invalid token."}', "Invalid token."),
        ('{"error": "plain"}', "plain"),
        ("gateway  down", "gateway down"),
        ("[1, 2]", "1, 2"),
    ],
)
def test_the_site_s_words_are_read_from_each_form_of_error(body: str, message: str) -> None:
    assert read_message(httpx.Response(400, text=body)) == message
