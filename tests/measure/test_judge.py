"""Let judges answer: a scripted one on loopback, and the embedded model behind a server and by itself."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from rater.errors import ModelError, StudyError
from rater.measure import judge, measure
from rater.measure.judge import LocalJudge, ServerJudge
from rater.measure.judge_question import JudgeQuestion
from rater.measure.judge_server import JudgeServer
from rater.measure.metric import Shown
from rater.measure.run import measure_study
from rater.store.engine import disposing, reading
from rater.store.sealed.measurements import read_measurements, read_metrics
from rater.store.sealed.open import open_sealed
from rater.study.scales import Ranking
from rater.study.study import Study
from tests.measure.openai_server import Answer, serving

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge


@pytest.fixture
def generated(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    seal_completions(study)
    return study


def server_judge(study: Study, url: str) -> ServerJudge:
    server = JudgeServer(base_url=url, model="a-judge", first_pause_s=0.01, n_attempts=2)
    return ServerJudge(JudgeQuestion(study.dimensions[0]), server, dimension="happiness")


def replies(sealed_url: str) -> list[tuple[float | None, str, str | None]]:
    with disposing(open_sealed(sealed_url)) as engine, reading(engine) as session:
        (metric,) = read_metrics(session, 1)
        return [(each.value, each.reason, each.reply) for each in read_measurements(session, metric.id)]


def test_raw_replies_and_failures_are_kept(generated: Study, sealed_url: str) -> None:
    def respond(number: int, _: str) -> str:
        return "4" if number % 2 else "I cannot say."

    with serving(respond) as requests:
        summary = measure_study(
            sealed_url, generated.name, server_judge(generated, requests.url), name="judge"
        )

    assert (summary.n_values, dict(summary.failed)) == (12, {"not an answer of the scale": 12})
    assert set(replies(sealed_url)) == {
        (4.0, "", "4"),
        (None, "not an answer of the scale", "I cannot say."),
    }


def test_no_request_names_an_arm_and_the_order_is_random(generated: Study, sealed_url: str) -> None:
    with serving(lambda *_: "4") as requests:
        measure_study(sealed_url, generated.name, server_judge(generated, requests.url), name="judge")

    sent = [body["messages"][0]["content"] for body in requests.bodies]
    sealed_words = [*generated.arm_names, "Quokka", "Numbat", "7.8125"]
    assert not any(word in message for message in sent for word in sealed_words)
    numbers = [int(message.split("fell on ")[1].split()[0]) for message in sent]
    assert sorted(numbers) == list(range(24))
    assert numbers != list(range(24))


def test_a_run_that_a_server_ended_is_continued_without_asking_again(
    generated: Study, sealed_url: str
) -> None:
    """The first server fails after some replies; the second one is asked about the rest alone."""

    def fails_later(number: int, _: str) -> Answer | str:
        return "3" if number < 7 else Answer(status=503)

    with serving(fails_later) as first, pytest.raises(ModelError, match="run the same command again"):
        measure_study(sealed_url, generated.name, server_judge(generated, first.url), name="judge")
    n_first = len(replies(sealed_url))
    assert 1 <= n_first <= 7

    # the address is part of the definition, so the second server has the port of the first
    port = int(first.url.rsplit(":", 1)[1].split("/")[0])
    with serving(lambda *_: "5", port=port) as second:
        summary = measure_study(sealed_url, generated.name, server_judge(generated, second.url), name="judge")

    assert summary.n_new == 24 - n_first
    assert summary.is_complete


def test_a_judge_of_three_texts_is_refused(study: Study) -> None:
    scale = Ranking(texts=3, top="happiest", bottom="least happy")
    dimension = study.dimensions[0].model_copy(update={"scale": scale})

    with pytest.raises(StudyError, match=r"compares 3 texts; .* cannot rank"):
        LocalJudge(JudgeQuestion(dimension), "m")


def test_a_judge_of_a_frame_has_its_replies_next_to_its_values() -> None:
    frame = pd.DataFrame({"prompt": ["I", "I"], "text": [" love", " hate"]})

    with serving(lambda _, message: "5" if "love" in message else "none") as requests:
        happy = judge("How happy is this text?", low="not", high="very", model="m", base_url=requests.url)
        measured = measure(frame, {"happy": happy})

    assert measured["happy"].tolist()[0] == 5
    assert measured["happy"].isna().tolist() == [False, True]
    assert measured["happy_reply"].tolist() == ["5", "none"]
    assert measured["happy_reason"].tolist() == ["", "not an answer of the scale"]


@pytest.mark.model
def test_the_embedded_model_is_a_judge_and_a_poor_one(
    embedded_model: "TransformerBridge", generated: Study, sealed_url: str
) -> None:
    local = LocalJudge(
        JudgeQuestion(generated.dimensions[0]),
        "embedded",
        load=lambda _: embedded_model,
        dimension="happiness",
    )

    summary = measure_study(sealed_url, generated.name, local, name="judge")

    assert summary.n_values + summary.n_failed == 24
    assert all(reply is not None for _, _, reply in replies(sealed_url))
    assert all(value in {None, 1, 2, 3, 4, 5} for value, _, _ in replies(sealed_url))


@pytest.mark.model
def test_the_embedded_model_answers_alike_behind_a_server(embedded_model: "TransformerBridge") -> None:
    from rater.steering import Draws, generate  # noqa: PLC0415 (the other tests need no torch)

    lock = threading.Lock()

    def respond(_: int, message: str) -> Answer:
        with lock:
            (made,) = generate(
                embedded_model,
                message,
                {"judge": ()},
                Draws(max_new_tokens=16, temperature=0, seed=0),
                chat=True,
                measure=False,
            )
        return Answer(made.text, finish_reason="length" if made.stop_reason == "length" else "stop")

    units = [(Shown("The rain", text),) for text in (" is lovely.", " is awful.", " fell.")]
    asked = judge("How happy is this text?", low="not at all", high="very", model="embedded")
    assert isinstance(asked, LocalJudge)
    local = LocalJudge(asked.question, "embedded", load=lambda _: embedded_model)
    with serving(respond) as requests:
        served = ServerJudge(asked.question, JudgeServer(base_url=requests.url, model="embedded"))
        by_server = dict(served.measure(units))

    assert by_server == dict(local.measure(units))
