from collections.abc import Callable

import pytest

from rater.analysis.sequential import Seen
from rater.errors import StateError
from rater.publish.publish import open_study
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.study.study import Study
from tests.unblind.conftest import NOW, look, publish, rate, read_log


def test_unblinding_closes_the_study_for_good_and_says_who_and_why(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    look(sealed_url, rating_url, rated)

    assert read_log(rating_url, rated) == ("unblinded", ["published", "open", "closed", "unblinded"])
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        last = read_events(session, EventRow, get_study(session, rated.name).id)[-1]
    assert last.detail == {"who": "an analyst", "why": "the plan", "look": 1, "n_answers": 8, "n_planned": 48}
    with pytest.raises(StateError, match="is unblinded; only a study that is"):
        open_study(rating_url, rated.name, now=NOW)


def test_every_further_look_is_numbered_in_the_log(rated: Study, sealed_url: str, rating_url: str) -> None:
    looks = [look(sealed_url, rating_url, rated).look for _ in range(3)]

    assert looks == [1, 2, 3]
    assert read_log(rating_url, rated)[1][-3:] == ["unblinded", "look", "look"]


def test_an_interim_look_leaves_the_study_open_and_counts(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    interim = look(sealed_url, rating_url, rated, interim=True)

    assert (interim.was_interim, interim.look) == (True, 1)
    assert read_log(rating_url, rated) == ("open", ["published", "open", "look"])
    assert look(sealed_url, rating_url, rated).look == 2


def test_an_interim_look_at_a_finished_study_is_refused(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    look(sealed_url, rating_url, rated)

    with pytest.raises(StateError, match="is unblinded; an interim look is for one that is open"):
        look(sealed_url, rating_url, rated, interim=True)


def test_a_study_without_answers_is_neither_closed_nor_unblinded(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish(study, sealed_url, rating_url)

    with pytest.raises(StateError, match=r"has no answers.* Run: rater serve$"):
        look(sealed_url, rating_url, study)
    assert read_log(rating_url, study) == ("open", ["published", "open"])


def test_each_look_says_how_many_answers_there_were(rated: Study, sealed_url: str, rating_url: str) -> None:
    look(sealed_url, rating_url, rated, interim=True)
    rate(rating_url, rated, n_trials=3)

    assert look(sealed_url, rating_url, rated).looked_at == (
        Seen(8, 48, is_interim=True),
        Seen(11, 48, is_interim=False),
    )


def test_the_plan_is_the_studys_with_its_defaults_filled_in(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    plan = look(sealed_url, rating_url, rated).plan

    assert plan.contrast == ("walrus-arm", "zebra-arm")
    assert (plan.primary, plan.n_raters, plan.scope) == ("happiness", 6, "raters+prompts")
