from collections.abc import Callable
from datetime import datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from rater.store.engine import reading
from rater.store.rating.frame import read_answers
from rater.store.rating.studies import PublishedStudy
from rater.store.rating.trials import Judgement, Submission
from tests.store.rating.answering import claim_for, revisions_of, send_submission, submission

Publish = Callable[..., PublishedStudy]


def test_the_latest_revision_is_read_with_the_time_of_the_first_and_only_of_the_study_asked_for(
    rating: Engine, publish: Publish, now: datetime
) -> None:
    study, other = publish(rating), publish(rating)
    rater_session = claim_for(rating, study, "token", now)
    claim_for(rating, other, "token of another", now)
    send_submission(rating, other, "token of another", submission("x", 1, 1), now)
    for sent in (
        submission("a", 1, 2, shown_ms=700),
        submission("b", 2, 3),
        submission("c", 1, 5, shown_ms=90),
    ):
        send_submission(rating, study, "token", sent, now)

    with reading(rating) as session:
        rows = read_answers(session, study.id)

    assert [(row.position, row.answer, row.n_revisions, row.shown_ms) for row in rows] == [
        (1, 5, 2, 700),
        (2, 3, 1, None),
    ]
    assert {row.rater_id for row in rows} == {rater_session.rater_id}
    assert [(row.item_ids[0], row.prompt, row.dimension) for row in rows] == [
        (f"{study.name}-item-1", "Prompt 1", "happiness"),
        (f"{study.name}-item-2", "Prompt 2", "happiness"),
    ]


# What a browser or terminal may do: answer the next text, go back and answer an earlier one, or send again
# something it has sent. The model keeps a list of values for each text.
_actions = st.lists(
    st.one_of(
        st.tuples(st.just("answer"), st.integers(0, 5), st.integers(1, 5), st.integers(1, 5)),
        st.tuples(st.just("again"), st.integers(0, 20), st.just(0), st.just(0)),
    ),
    max_size=15,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has a study of its own
)
@given(actions=_actions)
def test_whatever_is_sent_in_whatever_order_the_revisions_are_those_of_a_simple_model(
    rating: Engine, publish: Publish, now: datetime, actions: list[tuple[str, int, int, int]]
) -> None:
    study = publish(rating, n_booklets=1, n_trials=4)
    rater_id = claim_for(rating, study, f"token {study.name}", now).rater_id
    model: dict[tuple[int, str], list[int]] = {}
    stored: list[Submission] = []

    for number, (kind, place, joy, calm) in enumerate(actions):
        if kind == "again" and not stored:
            continue
        if kind == "again":
            sent = stored[place % len(stored)]
        else:
            answered = len({position for position, _ in model})
            position = min(max(answered + 1 - place, 1), 4)
            values = {"joy": joy, "calm": calm}
            judged = {name: Judgement(value) for name, value in values.items()}
            sent = Submission(f"s{number}", position, judged)
            for name, value in values.items():
                model.setdefault((position, name), []).append(value)
            stored.append(sent)
        send_submission(rating, study, f"token {study.name}", sent, now)

    assert revisions_of(rating, rater_id) == [
        (position, name, revision, value)
        for (position, name), values in sorted(model.items())
        for revision, value in enumerate(values, start=1)
    ]
    with reading(rating) as session:
        latest = {(row.position, row.dimension): row.answer for row in read_answers(session, study.id)}
    assert latest == {key: values[-1] for key, values in model.items()}
