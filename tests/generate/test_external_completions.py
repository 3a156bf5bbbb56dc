"""Take completions from files into a real sealed database, without a model."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from rater.errors import StateError, StudyError
from rater.generate.external_completions import cells_by_model, take_external_completions
from rater.generate.freeze import freeze
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.sealed.completions import Cell, read_completions, read_seeds
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import CompletionRow, SealedEventRow
from rater.study.load import load_study
from rater.study.study import Study

NOW = datetime(2026, 2, 1, tzinfo=UTC)


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
