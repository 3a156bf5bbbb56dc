from pathlib import Path

import pytest

from tests.cli.command import run


def test_a_study_file_is_written_from_the_chosen_template_and_passes_its_check(tmp_path: Path) -> None:
    written = run("new", "mine", "--template", "pairwise", cwd=tmp_path)
    checked = run("check", "mine.py", cwd=tmp_path)

    assert written.returncode == 0, written.stderr
    assert written.stdout.startswith("Written: mine.py\n")
    assert "rater check mine.py" in written.stdout
    assert checked.returncode == 0, checked.stderr


def test_templates_are_listed_with_their_purpose(tmp_path: Path) -> None:
    listed = run("new", "--list", cwd=tmp_path)

    assert listed.returncode == 0
    assert {"love_vs_hate", "pairwise"} <= {
        line.split()[0] for line in listed.stdout.splitlines() if line.split()
    }
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"), [((), "rater new mine"), (("mine", "--template", "pairwize"), "pairwise")]
)
def test_a_missing_name_and_a_misspelt_template_are_refused(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    refused = run("new", *arguments, cwd=tmp_path)

    assert refused.returncode == 2
    assert message in refused.stderr
    assert list(tmp_path.iterdir()) == []
