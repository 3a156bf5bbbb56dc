"""What `rater serve` says of results fits the states of the studies that it serves."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rater.cli.serve import _line, _results
from rater.store.rating.studies import Progress, PublishedStudy
from rater.study.protocol import Protocol


@pytest.mark.parametrize(
    ("states", "says"),
    [
        (("open",), "analyze a0 --look (it leaves the study open)"),
        (("open", "closed"), "analyze a0 --look (it leaves the study open)"),
        (("open", "open"), "analyze STUDY --look (it leaves the study open)"),
        (("closed",), "analyze a0"),
        (("closed", "unblinded"), "analyze STUDY"),
        (("published",), None),
        (("paused", "closed"), None),
        ((), None),
    ],
)
def test_a_look_is_advised_only_where_a_study_is_open(
    protocol: Protocol, states: tuple[str, ...], says: str | None
) -> None:
    study = PublishedStudy(0, "", "slug", "", protocol, "hash", "commitment", datetime.now(UTC))

    said = _results([replace(study, name=f"a{n}", state=state) for n, state in enumerate(states)])

    assert (said or "").endswith(says or "")
    assert (said is None) == (says is None)


def test_where_personal_links_alone_let_raters_in_it_says_how_to_make_them(protocol: Protocol) -> None:
    shown = protocol.model_copy(update={"invited_only": True})
    study = PublishedStudy(0, "mine", "slug", "open", shown, "hash", "commitment", datetime.now(UTC))

    said = _line(study, Progress(n_booklets=3, n_raters=0, n_finished=0, n_answers=0))

    assert said.endswith(
        "(open to personal links alone; make them: rater invite mine; 0 of 3 raters finished)"
    )
