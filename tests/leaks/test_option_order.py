"""The order of labels on a page tells nothing about arms, and the rating file has no target of an arm."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from rater.publish.publish import open_study, publish_study
from rater.store.engine import disposing, open_engine, reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.raters import Arrival, claim_booklet
from rater.store.rating.sessions import new_token
from rater.store.rating.studies import get_study
from rater.store.rating.trials import view_trials
from rater.study.label_choice import Choose, shuffled_places
from rater.study.study import Study
from rater.study.visit import Channel

NOW = datetime(2026, 4, 1, tzinfo=UTC)
LABELS = ("love", "weddings", "anger")


def of_labels(study: Study) -> Study:
    which = {"name": "which", "question": "Which?", "scale": {"kind": "choose", "options": LABELS}}
    targets = dict(zip(study.arm_names, LABELS, strict=False))
    return Study.model_validate(
        {**study.model_dump(), "dimensions": [which], "analysis": {"targets": targets}}
    )


def test_every_order_is_shown_with_each_arm_equally_often(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    asked = of_labels(study)
    seal_completions(asked)
    publish_study(sealed_url, rating_url, asked.name, now=NOW)
    open_study(rating_url, asked.name, now=NOW)
    with disposing(open_engine(sealed_url)) as sealed, reading(sealed) as session:
        key = session.execute(
            text("SELECT item_id, arm FROM key_entry JOIN completion ON completion_id = id")
        )
        arm_of = {row.item_id: row.arm for row in key}
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        published = get_study(session, asked.name)
        claimed = claim_booklet(
            session,
            published.id,
            new_token(),
            arrival=Arrival(Channel.WEB),
            protocol=published.protocol,
            now=NOW,
        )
        shown = view_trials(session, claimed, 1)
        rows = session.execute(
            text("SELECT position, item_id FROM trial_text WHERE booklet_id = :booklet"),
            {"booklet": claimed.booklet_id},
        )
        arms = {row.position: arm_of[row.item_id] for row in rows}
    scale = published.protocol.dimensions[0].scale
    assert isinstance(scale, Choose)
    orders = Counter(
        (tuple(choice.label for choice in scale.shown_to(claimed.rater_id).choices), arms[view.position])
        for view in shown
    )
    # one order for all trials of a rater, whose arms are equally frequent
    assert len({order for order, _ in orders}) == 1
    assert len(set(orders.values())) == 1
    assert len(orders) == len(asked.arms)


def test_the_order_depends_on_nothing_but_the_id_of_the_rater() -> None:
    scale, other = Choose(options=LABELS), Choose(options=("a", "b", "c"), none="none")

    for rater in ("one", "two", "three"):
        places = shuffled_places(rater, 3)
        assert [choice.value - 1 for choice in scale.shown_to(rater).choices] == list(places)
        assert [choice.value - 1 for choice in other.shown_to(rater).choices[:3]] == list(places)


def test_the_rating_file_has_no_arm_next_to_its_target(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    asked = of_labels(study)
    seal_completions(asked)
    publish_study(sealed_url, rating_url, asked.name, now=NOW)

    files = Path(rating_url.removeprefix("sqlite:///")).parent.glob("rating.db*")
    content = b"".join(file.read_bytes() for file in files)
    assert b"weddings" in content
    assert b"targets" not in content
    assert not any(arm.encode() in content for arm in asked.arm_names)
