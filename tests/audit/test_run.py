import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing

import pytest

from rater.audit.page_structure import Reply
from rater.audit.run import audit_study
from rater.errors import StateError
from rater.publish.draft import PreparedPublication
from rater.publish.publish import find_published, publish_study
from rater.store.rating.studies import PublishedStudy
from rater.study.confounds import Confound
from rater.study.design import Plan
from rater.study.study import Study
from tests.audit.conftest import NOW, change

HTML = """<html><head><title>How happy are these texts?: 1 of 8</title></head><body>{comment}
<main {attribute}><p><strong class="prompt"><bdi>I woke up and</bdi></strong><bdi class="completion"> saw
Quokka prompt.{tail}</bdi></p><p>{visible}</p></main></body></html>"""


def page(**planted: str) -> Reply:
    fields = dict.fromkeys(["comment", "attribute", "tail", "visible", "header"], "") | planted
    headers = (("Content-Type", "text/html"), ("Set-Cookie", f"rater=x{fields.pop('header')}"))
    return Reply("GET /s/…/trial/1", 200, headers, HTML.format(**fields), is_html=True, text=" saw")


def test_a_clean_study_passes_the_whole_audit_and_its_pages_are_walked(
    study: Study, published: PublishedStudy, sealed_url: str, rating_url: str
) -> None:
    found = audit_study(sealed_url, rating_url, study.name, now=NOW)

    assert found.leaks == ()
    assert not any(cue.refuses for cue in found.cues)
    assert found.n_trials_crawled == 48
    assert found.n_trials == 24
    assert found.n_pages > 100
    assert found.n_bytes is not None
    assert found.n_bytes > 100_000


def test_a_study_is_audited_before_it_is_published_and_a_refusal_leaves_nothing(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    seen: list[str] = []

    def refuse(prepared: PreparedPublication) -> Sequence[Confound]:
        seen.append(prepared.study.name)
        msg = "refused"
        raise StateError(msg)

    with pytest.raises(StateError, match="refused"):
        publish_study(sealed_url, rating_url, study.name, now=NOW, audit=refuse)

    assert seen == ["marked_study"]
    assert find_published(rating_url, study.name) is None
    with closing(sqlite3.connect(sealed_url.removeprefix("sqlite:///"))) as sealed:
        assert sealed.execute("SELECT count(*) FROM publication").fetchone() == (0,)


def test_what_the_app_says_for_every_study_is_the_apps_own(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    """An arm called "text" cannot be told from the pages' own words."""
    arms = (study.arms[0].model_copy(update={"name": "text"}), study.arms[1])
    plain = study.model_copy(update={"arms": arms, "plan": Plan(raters=2)})
    seal_completions(plain)

    found = audit_study(sealed_url, rating_url, study.name, now=NOW)

    assert found.leaks == ()
    assert {(hit.severity, hit.mark) for hit in found.hits if hit.place.startswith("page")} == {
        ("own", "text")
    }


def test_an_address_that_names_a_steering_text_is_a_leak_on_every_page_that_links_it(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study.model_copy(update={"plan": Plan(raters=2)}))
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    change(rating_url, "UPDATE study SET slug = 'numbat-prompt'")

    found = audit_study(sealed_url, rating_url, study.name, now=NOW)

    assert found.is_refused
    places = {hit.place for hit in found.leaks}
    assert "rating database: study.slug" in places
    assert "page POST /s/…/trial/n" in places
