"""Freeze studies into a real sealed file, and change them after."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rater.errors import StateError
from rater.generate.freeze import freeze, look
from rater.publish.publish import publish_study
from rater.study.study import Study

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SealCompletions = Callable[[Study], None]


def changed(study: Study, **fields: object) -> Study:
    return Study.model_validate({**study.model_dump(), **fields})


def test_a_new_study_lacks_every_completion(study: Study, sealed_url: str) -> None:
    missing = freeze(sealed_url, study, now=NOW)

    assert (len(missing.cells), missing.n_made) == (24, 0)
    assert missing.cells[0] == (0, "zebra-arm", 0)
    assert len(set(missing.cells)) == 24


def test_a_database_that_was_stopped_before_it_had_tables_is_begun_again(
    study: Study, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "sealed.db")) as begun:
        begun.execute("PRAGMA journal_mode = WAL")  # which writes the file's head
    sealed_url = f"sqlite:///{tmp_path / 'sealed.db'}"

    assert len(look(sealed_url, study).cells) == 24
    assert len(freeze(sealed_url, study, now=NOW).cells) == 24


def test_a_generated_study_lacks_none(
    study: Study, seal_completions: SealCompletions, sealed_url: str
) -> None:
    seal_completions(study)

    missing = freeze(sealed_url, study, now=NOW)

    assert (missing.cells, missing.n_made) == ([], 24)


def test_texts_and_plans_may_change_before_publication(
    study: Study, seal_completions: SealCompletions, sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    retitled = changed(study, title="A better title", plan={"raters": 9})

    assert freeze(sealed_url, retitled, now=NOW).n_made == 24
    assert publish_study(sealed_url, rating_url, study.name, now=NOW).protocol.title == "A better title"


def test_what_completions_depend_on_may_not_change_and_the_error_names_it(
    study: Study, seal_completions: SealCompletions, sealed_url: str
) -> None:
    seal_completions(study)
    hotter = changed(study, sampling={**study.sampling.model_dump(), "temperature": 2})

    with pytest.raises(StateError, match=r"changed \(sampling.temperature\).*new name, or add --restart"):
        freeze(sealed_url, hotter, now=NOW)


def test_restarting_throws_the_completions_away(
    study: Study, seal_completions: SealCompletions, sealed_url: str
) -> None:
    seal_completions(study)
    hotter = changed(study, sampling={**study.sampling.model_dump(), "temperature": 2})

    missing = freeze(sealed_url, hotter, now=NOW, restart=True)

    assert (len(missing.cells), missing.n_made) == (24, 0)


def test_a_published_study_refuses_a_changed_file_and_says_what_changed(
    study: Study, seal_completions: SealCompletions, sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    retitled = changed(study, title="A better title")

    with pytest.raises(StateError, match=r"published and frozen, but its file has changed since \(title\)"):
        freeze(sealed_url, retitled, now=NOW)


def test_a_published_study_cannot_be_restarted(
    study: Study, seal_completions: SealCompletions, sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish_study(sealed_url, rating_url, study.name, now=NOW)

    with pytest.raises(StateError, match="published and frozen, but its completions cannot be replaced"):
        freeze(sealed_url, study, now=NOW, restart=True)


def test_a_study_without_completions_may_change_in_any_way(study: Study, sealed_url: str) -> None:
    freeze(sealed_url, study, now=NOW)  # and then the model turns out to lack a layer, say
    hotter = changed(study, sampling={**study.sampling.model_dump(), "temperature": 2})

    assert len(freeze(sealed_url, hotter, now=NOW).cells) == 24
