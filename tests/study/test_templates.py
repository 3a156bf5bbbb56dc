"""Write study files from templates, as `rater new` does."""

from pathlib import Path

import pytest

from rater.errors import StudyError
from rater.study.load import load_study
from rater.study.templates import TEMPLATES, list_templates, write_study

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
NAMES = [Path(path).name for path in TEMPLATES]


def test_every_file_of_the_checkout_is_a_template_with_a_summary() -> None:
    shipped = {str(file.relative_to(EXPERIMENTS).with_suffix("")) for file in EXPERIMENTS.rglob("*.py")}

    assert shipped == set(TEMPLATES)
    assert all(template.summary.endswith(".") for template in list_templates())


@pytest.mark.parametrize("name", NAMES)
def test_a_new_study_has_its_own_name_and_the_texts_that_it_reads(name: str, tmp_path: Path) -> None:
    files = write_study(tmp_path / "mine.py", name)

    study = load_study(tmp_path / "mine.py")
    template = load_study(next(EXPERIMENTS.rglob(f"{name}.py")))
    assert study.name == "mine"
    assert study.prompts == template.prompts
    assert all(file.is_file() for file in files)
    named = {getattr(arm, "path", None) for arm in study.arms} - {None}
    assert all((tmp_path / str(path)).is_file() for path in named)
    assert named <= {"mine.jsonl"}


@pytest.mark.parametrize(
    ("path", "template", "problem"),
    [
        ("mine.py", "pairs", "Did you mean 'pairwise'?"),
        ("mine.py", "x", "Valid: anger_vs_calm"),
        ("My Study.py", "pairwise", "valid: a-z, 0-9"),
        ("mine.txt", "pairwise", "valid: a-z, 0-9"),
        ("nowhere/mine.py", "pairwise", "cannot be written"),
        ("there.py", "pairwise", "not overwritten"),
        ("texts.py", "whole_visit", "texts.jsonl already exists"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_and_nothing_is_left(
    path: str, template: str, problem: str, tmp_path: Path
) -> None:
    (tmp_path / "there.py").touch()
    (tmp_path / "texts.jsonl").touch()

    with pytest.raises(StudyError) as caught:
        write_study(tmp_path / path, template)

    assert problem in str(caught.value)
    assert {file.name for file in tmp_path.iterdir()} == {"there.py", "texts.jsonl"}
