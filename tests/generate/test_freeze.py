"""Freeze studies into a real sealed file, and change them after."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from rater.errors import StateError, StudyError
from rater.generate.freeze import cells_by_model, freeze, look, take_external_completions
from rater.measure.run import measure_study, summarise_metrics
from rater.measure.text_metrics import count_of
from rater.publish.publish import publish_study
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.sealed.completions import Cell, read_completions, read_seeds
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import CompletionRow, SealedEventRow
from rater.study.conversation import Turn
from rater.study.fields import Item
from rater.study.load import load_study
from rater.study.study import Study

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SealCompletions = Callable[[Study], None]
STUDY = """
from rater import Dimension, Likert, ExternalCompletions, Plan, Sampling, Study

study = Study(
    name="brought", title="T", consent="C", instructions="I",
    dimensions=[Dimension(name="d", question="Q?", scale=Likert(low="l", high="h"))],
    prompts=["The rain", "We"],
    arms=[
        ExternalCompletions(name="old", path="texts.jsonl"),
        ExternalCompletions(name="new", path="texts.jsonl"),
    ],
    sampling=Sampling(samples_per_prompt=1),
    plan=Plan(raters=4),
)
"""
TEXTS = "".join(
    f'{{"prompt": "{prompt}", "arm": "{arm}", "text": " {arm} text of {prompt}"}}\n'
    for arm in ("old", "new")
    for prompt in ("The rain", "We")
)


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


def test_the_rated_part_of_conversations_may_not_change_after_they_are_generated(
    study: Study, seal_completions: SealCompletions, sealed_url: str
) -> None:
    items = [Item(turns=(Turn("user", "Hi"),)), Item(turns=(Turn("user", "Bye"),))]
    prompts = [item.prompt for item in items]
    conversations = changed(study, chat=True, items=items, prompts=prompts)
    seal_completions(conversations)

    assert freeze(sealed_url, changed(conversations, rendering="markdown"), now=NOW).cells == []
    with pytest.raises(StateError, match="rated"):
        freeze(sealed_url, changed(conversations, rated="conversation"), now=NOW)


def test_restarting_throws_the_completions_away(
    study: Study, seal_completions: SealCompletions, sealed_url: str
) -> None:
    seal_completions(study)
    hotter = changed(study, sampling={**study.sampling.model_dump(), "temperature": 2})

    missing = freeze(sealed_url, hotter, now=NOW, restart=True)

    assert (len(missing.cells), missing.n_made) == (24, 0)


def test_restarting_deletes_the_measurements_of_the_completions(
    study: Study, seal_completions: SealCompletions, sealed_url: str
) -> None:
    seal_completions(study)
    measure_study(sealed_url, study.name, count_of(["fell"]), name="fell")

    freeze(sealed_url, study, now=NOW, restart=True)

    assert summarise_metrics(sealed_url, study.name) == []


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


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    (tmp_path / "texts.jsonl").write_text(TEXTS)
    (tmp_path / "brought.py").write_text(STUDY)
    return tmp_path / "brought.py"


def test_texts_from_files_are_kept_once_and_without_a_seed(study_file: Path, sealed_url: str) -> None:
    study = load_study(study_file)

    for _ in range(2):
        left = take_external_completions(
            sealed_url, study, freeze(sealed_url, study, now=NOW), study_file.parent, now=NOW
        )

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = {each.cell: each.text for each in read_completions(session, 1)}
        stops = set(session.scalars(select(CompletionRow.stop_reason)))
        kinds = [event.kind for event in read_events(session, SealedEventRow, 1)]
        seeds = read_seeds(session, 1)
    assert left.cells == []
    assert kept == {
        Cell(0, "new", 0): " new text of The rain", Cell(0, "old", 0): " old text of The rain",
        Cell(1, "new", 0): " new text of We", Cell(1, "old", 0): " old text of We",
    }  # fmt: skip
    assert (stops, kinds, seeds) == ({"unknown"}, ["frozen", "taken"], set())


def test_a_file_that_changed_since_is_refused_by_name(study_file: Path, sealed_url: str) -> None:
    study = load_study(study_file)
    missing = freeze(sealed_url, study, now=NOW)
    take_external_completions(sealed_url, study, missing, study_file.parent, now=NOW)
    (study_file.parent / "texts.jsonl").write_text(TEXTS.replace(" old", " odd"))

    with pytest.raises(StudyError, match=r"texts\.jsonl has changed: its SHA-256"):
        take_external_completions(sealed_url, study, missing, study_file.parent, now=NOW)
    with pytest.raises(StateError, match=r"changed \(what is in texts\.jsonl\)\. Undo the change"):
        freeze(sealed_url, load_study(study_file), now=NOW)


def test_only_arms_of_models_are_left_to_make(
    study: Study, sealed_url: str, study_file: Path, declare_other: Callable[[Study], Study]
) -> None:
    mixed = declare_other(study)
    cells = freeze(sealed_url, mixed, now=NOW).cells

    sorted_cells = cells_by_model(mixed, cells)

    assert list(sorted_cells) == ["smollm2-135m-instruct", "a/checkpoint"]
    assert {cell.arm for cell in sorted_cells["a/checkpoint"]} == {"checkpoint"}
    assert {cell.arm for cell in sorted_cells["smollm2-135m-instruct"]} == {"zebra-arm", "walrus-arm"}


@pytest.fixture
def declare_other() -> Callable[[Study], Study]:
    """A function that adds arms of another model and of a file to a study."""

    def declare(study: Study) -> Study:
        declared = study.model_dump()
        added = [
            {"kind": "other_model", "name": "checkpoint", "model": "a/checkpoint"},
            {"kind": "external", "name": "brought", "path": "t.csv"},
        ]
        return Study.model_validate({**declared, "arms": [*added, *declared["arms"]]})

    return declare


def test_a_study_of_files_alone_is_generated_without_torch(study_file: Path, tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from rater.cli.generate import generate\n"
        f"options = [{str(study_file)!r}, '--sealed', {str(tmp_path / 'sealed.db')!r}]\n"
        "done = CliRunner().invoke(generate, options)\n"
        "assert done.exit_code == 0, done.output\n"
        "assert not {'torch', 'transformers', 'transformer_lens'} & set(sys.modules)\n"
        "print(done.stdout)\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert "has all of its 4 completions (4 now, 0 before)." in done.stdout
