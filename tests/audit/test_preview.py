from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rater import (
    Study,
)
from rater.audit.marks import AuditedPublication, arms_of
from rater.audit.page_structure import Crawler
from rater.audit.preview import previewing
from rater.publish.draft import prepare_publication
from tests.audit.conftest import RATED, with_every_page

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.mark.slow
def test_the_audit_walks_every_kind_of_page(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, tmp_path: Path
) -> None:
    declared = with_every_page(study, RATED)
    seal_completions(declared)
    prepared = prepare_publication(sealed_url, declared.name, now=NOW)
    draft = prepared.draft
    audited = AuditedPublication(
        study=declared,
        published=prepared.published,
        items=tuple(draft.items),
        booklets=tuple(draft.booklets),
        arms=arms_of(draft.key, prepared.completions),
        seeds=frozenset(),
        secrets=(),
    )

    with previewing(audited, tmp_path) as preview:
        crawler = Crawler(preview.address, preview.slug)
        crawler.crawl(n_booklets=1, max_trials=1)

    seen = {reply.place for reply in crawler.replies if reply.status == 200}
    assert {f"GET /s/…{page}" for page in PAGES} <= seen


PAGES = (
    "",
    "/consent",
    "/declined",
    "/screening",
    "/instructions",
    "/practice/n",
    "/practice/1/feedback",
    "/trial/n",
    "/rest/n",
    "/leave",
    "/finish",
    "/guesses",
    "/comment",
    "/thanks",
)
