"""Ask a real server on loopback: order, retries, keys and errors."""

import time

import pytest

from rater.errors import ModelError, StudyError
from rater.measure.judge_server import JudgeServer, Reply
from tests.measure.openai_server import Answer, Requests, Respond, serving


def server(requests: Requests, **changes: object) -> JudgeServer:
    options: dict[str, object] = {
        "base_url": requests.url,
        "model": "a-judge",
        "first_pause_s": 0.01,
        "key_variable": "A_KEY",
    }
    return JudgeServer(**{**options, **changes})  # type: ignore[arg-type] # as written above


def ask(respond: Respond, n: int = 1, **changes: object) -> tuple[list[Reply], Requests]:
    with serving(respond) as requests:
        found = dict(server(requests, **changes).ask([f"message {index}" for index in range(n)]))
    return [found[index] for index in range(n)], requests


def test_each_message_gets_its_own_reply_at_temperature_0() -> None:
    replies, requests = ask(lambda _, message: message.split()[1], n=20)

    assert [reply.text for reply in replies] == [str(index) for index in range(20)]
    body = requests.bodies[0]
    assert (body["model"], body["temperature"], body["max_tokens"]) == ("a-judge", 0, 16)


def test_no_more_requests_than_allowed_are_under_way() -> None:
    def slowly(_: int, message: str) -> str:
        time.sleep(0.05)
        return message

    _, requests = ask(slowly, n=12, n_at_once=3)

    assert 2 <= requests.most_at_once <= 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_request_that_fails_for_a_while_is_repeated(status: int) -> None:
    replies, requests = ask(lambda number, _: Answer("5") if number == 2 else Answer(status=status))

    assert replies[0].text == "5"
    assert len(requests.bodies) == 3


def test_the_server_says_how_long_to_wait() -> None:
    waits = Answer(status=429, headers=(("Retry-After", "1"),))
    started = time.monotonic()

    replies, _ = ask(lambda number, _: "5" if number else waits)

    assert replies[0].text == "5"
    assert time.monotonic() - started >= 1


def test_a_server_that_fails_again_and_again_ends_the_run() -> None:
    with pytest.raises(ModelError, match=r"failed 3 times: 503 .*run the same command again"):
        ask(lambda *_: Answer(status=503), n_attempts=3)


def test_a_server_that_does_not_answer_in_time_ends_the_run() -> None:
    def too_slow(*_: object) -> str:
        time.sleep(1)
        return "5"

    with pytest.raises(ModelError, match="failed 2 times: ReadTimeout"):
        ask(too_slow, n_attempts=2, timeout_s=0.1)


def test_no_server_is_an_error_with_its_address() -> None:
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:9/v1 failed 2 times: ConnectError"):
        list(
            JudgeServer(base_url="http://127.0.0.1:9/v1", model="m", n_attempts=2, first_pause_s=0).ask(["m"])
        )


def test_a_refused_request_ends_the_run_with_the_servers_message() -> None:
    refusal = Answer(status=404, body={"error": {"message": "The model does not exist"}})

    with pytest.raises(ModelError, match="refused a request: 404 The model does not exist"):
        ask(lambda *_: refusal)


def test_the_key_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-very-secret")

    _, requests = ask(lambda *_: "5")
    assert requests.authorizations == ["Bearer sk-very-secret"]

    echo = Answer(status=401, body={"error": {"message": "Incorrect key sk-very-secret"}})
    with pytest.raises(ModelError) as refused:
        ask(lambda *_: echo)
    assert "sk-very-secret" not in str(refused.value)


def test_a_server_without_a_key_is_asked_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)

    assert ask(lambda *_: "5")[1].authorizations == [None]


def test_a_server_that_wants_the_newer_name_of_the_limit_gets_it() -> None:
    wants = Answer(status=400, body={"error": {"message": "Use 'max_completion_tokens' instead."}})

    replies, requests = ask(lambda number, _: "5" if number else wants)

    assert replies[0].text == "5"
    assert requests.bodies[1]["max_completion_tokens"] == 16
    assert "max_tokens" not in requests.bodies[1]


def test_cut_off_and_refused_replies_are_marked() -> None:
    def respond(number: int, _: str) -> Answer:
        return (
            Answer("It is", finish_reason="length") if number == 0 else Answer(finish_reason="content_filter")
        )

    assert ask(respond)[0] == [Reply("It is", is_cut_off=True)]
    assert ask(lambda *_: respond(1, ""))[0] == [Reply("", is_cut_off=False, refusal="content filter")]


def test_what_is_not_a_chat_completion_is_an_error() -> None:
    with pytest.raises(ModelError, match="not a chat completion"):
        ask(lambda *_: Answer(body={"hello": 1}))


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        ("ftp://host/v1", "valid: such as http"),
        ("host", "valid: such as http"),
        ("http://me:secret@host/v1", "password or a query"),
        ("http://host/v1?key=secret", "password or a query"),
    ],
)
def test_an_address_that_cannot_be_stored_is_refused(url: str, phrase: str) -> None:
    with pytest.raises(StudyError, match=phrase) as refused:
        JudgeServer(base_url=url, model="m")

    assert "secret" not in str(refused.value)
