"""A real study's report names the people who looked, and permuted arms are not a look."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from rater.admin.export import export_masked, read_unarmed_frame
from rater.cli import cli
from rater.store.engine import disposing, reading, writing
from rater.store.log import read_events
from rater.store.rating.forget import find_known, redact
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.workspace.analysis_input import study_facts
from rater.workspace.databases import Databases
from tests.unblind.conftest import NOW, look, publish, rate, read_log

Run = Callable[..., Result]


@pytest.fixture
def study(study: Study) -> Study:
    """A study that claims nothing beyond its prompts: no power curve to wait for."""
    declared = study.model_dump()
    return Study.model_validate(declared | {"analysis": {**declared["analysis"], "scope": "raters"}})


@pytest.fixture
def rated(study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str) -> Study:
    seal_completions(study)
    publish(study, sealed_url, rating_url)
    for _ in range(2):
        rate(rating_url, study)
    return study


@pytest.fixture
def run(rated: Study, sealed_url: str, rating_url: str) -> Run:
    def analyze(*arguments: str | Path) -> Result:
        where = ["--sealed", sealed_url, "--ratings", rating_url, "--who", "ada"]
        return CliRunner().invoke(cli, ["analyze", rated.name, *where, *map(str, arguments)])

    return analyze


def test_a_report_names_the_study_its_hash_and_every_look(run: Run, rated: Study, tmp_path: Path) -> None:
    assert run("--interim", "--yes", "--why", "is it working?").exit_code == 0
    done = run("--yes", "--report", tmp_path / "report")

    assert done.exit_code == 0, done.output
    assert "Blinding" not in done.output  # the study asks no such question
    text = (tmp_path / "report" / "report.md").read_text()
    assert "# Blinding" not in text
    assert rated.hash in text
    assert "| ada | is it working? |" in text
    assert "during data collection |" in text
    assert "| ada | planned analysis |" in text
    about = json.loads((tmp_path / "report" / "results.json").read_text())["about"]
    assert (about["look"], len(about["looked_at"]), about["label"]) == (2, 2, None)


def test_permuted_arms_are_no_look_and_every_page_says_so(
    run: Run, rated: Study, rating_url: str, tmp_path: Path
) -> None:
    before = read_log(rating_url, rated)

    done = run("--permuted", "--report", tmp_path / "report")

    assert done.exit_code == 0, done.output
    assert "Permuted arms: not a result" in done.stdout.splitlines()[0]
    state, kinds = before
    assert read_log(rating_url, rated) == (state, [*kinds, "exported"])
    page = (tmp_path / "report" / "report.html").read_text()
    assert '<aside class="label" aria-label="Status">Permuted arms: not a result</aside>' in page
    assert "Answers have not been analysed by arm yet." in page


def test_permuted_arms_on_the_screen_alone_are_not_logged(run: Run, rated: Study, rating_url: str) -> None:
    before = read_log(rating_url, rated)

    assert run("--permuted").exit_code == 0
    assert read_log(rating_url, rated) == before


def test_files_of_permuted_arms_have_masked_ids_and_a_row_in_the_log(
    run: Run, rated: Study, rating_url: str, tmp_path: Path
) -> None:
    masked = export_masked(rating_url, rated.name, who="ada", now=datetime.now(UTC)).frame
    full = read_unarmed_frame(rating_url, rated.name)

    done = run("--permuted", "--csv", tmp_path / "permuted.csv", "--report", tmp_path / "report")

    assert done.exit_code == 0, done.output
    for file in (tmp_path / "permuted.csv", tmp_path / "report" / "answers.csv"):
        items = set(pd.read_csv(file, dtype=str)["item"])
        assert items == set(masked["item"])
        assert not items & set(full["item"])
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        last = read_events(session, EventRow, get_study(session, rated.name).id)[-1]
    assert (last.kind, last.detail["by"]) == ("exported", "permuted")
    assert last.hash in done.stderr


def test_an_exploratory_analysis_is_labelled_and_logged_as_one(
    run: Run, rated: Study, rating_url: str, tmp_path: Path
) -> None:
    done = run("--yes", "--exploratory", "--score", "scale_points", "--json", tmp_path / "all.json")

    assert done.exit_code == 0, done.output
    content = json.loads((tmp_path / "all.json").read_text())
    assert content["about"]["label"] == "Exploratory: not the planned analysis"
    assert content["planned"]["score"] == "scale_points"
    assert content["planned"]["scope"] == "raters"
    assert done.stdout.splitlines()[0].strip() == "Exploratory: not the planned analysis"


def test_a_misspelt_arm_is_found_before_the_study_is_looked_at(
    run: Run, rated: Study, rating_url: str
) -> None:
    done = run("--yes", "--exploratory", "--contrast", "sterred,unsteered")

    assert "contrast names the arm 'sterred', which the study lacks." in f"{done.exception}{done.output}"
    assert read_log(rating_url, rated)[0] == "open"


def test_a_misspelt_dimension_is_found_before_the_study_is_looked_at(
    run: Run, rated: Study, rating_url: str
) -> None:
    done = run("--yes", "--exploratory", "--primary", "hapiness")

    assert "Unknown primary dimension 'hapiness'." in f"{done.exception}{done.output}"
    assert read_log(rating_url, rated)[0] == "open"


def test_a_report_knows_whose_answers_were_taken_out_before_and_after_a_look(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    def take_out(who: str) -> None:
        with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
            study_id = get_study(session, rated.name).id
            redact(session, study_id, find_known(session, study_id, who), by="ada", now=NOW)

    take_out(rate(rating_url, rated))
    look(sealed_url, rating_url, rated, interim=True)
    take_out(rate(rating_url, rated))
    facts = study_facts(Databases(sealed_url, rating_url), rated.name, look(sealed_url, rating_url, rated))

    assert [(each.n_answers, each.after_look) for each in facts.taken_out] == [(8, False), (8, True)]
    assert facts.n_started_raters == 2
