"""The project's words: each refused form is found wherever it occurs, and clean texts pass."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check_terms", ROOT / "tools" / "check_terms.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


check_terms = _load()
TERMS = check_terms.read_terms()
CLEAN = '"""Return the raters who finished, next to the others."""\n'


def _lines(text: str, path: str = "rater/x.py") -> list[int]:
    return [hit.line for hit in check_terms.search(path, text, TERMS) if not hit.term.care]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one clean file."""
    (tmp_path / "rater").mkdir()
    (tmp_path / "rater" / "clean.py").write_text(CLEAN, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
def test_each_form_is_refused_in_its_examples_and_nowhere_else(term: object) -> None:
    entry = next(each for each in check_terms.read_entries("term") if each["name"] == term.name)  # type: ignore[attr-defined]  # a class of a script

    assert entry["refused"]
    assert [text for text in entry["refused"] if not check_terms.search("rater/x.py", text, [term])] == []
    assert [text for text in entry["allowed"] if check_terms.search("rater/x.py", text, [term])] == []


def test_a_hit_is_reported_with_its_line_also_across_lines() -> None:
    assert _lines('a = 1\n# it goes\n# on\nb = ("it is shown "\n     "beside it")\n') == [2, 5]


def test_a_clean_text_passes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check_terms.main([str(project)]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "path",
    [
        "rater/web/a.py",
        "rater/web/templates/desk/a.html",
        "rater/web/static/a.js",
        "rater/web/static/a.css",
        "tests/a/test_b.py",
        "tests/conftest.py",
        "migrations/rating/versions/a.py",
        "experiments/a.py",
        "experiments/templates/a.py",
        "docs/a.md",
        "docs/reference/a.md",
        "docs/a.py",
        "tools/a.py",
        "deploy/Dockerfile",
        "deploy/compose.yaml",
        ".github/workflows/a.yml",
        "CITATION.cff",
        "README.md",
        "CHANGELOG.md",
        "Makefile",
        "pyproject.toml",
    ],
)
def test_no_folder_is_skipped(project: Path, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("first\nshown beside it\n", encoding="utf-8")

    assert check_terms.main([str(project)]) == 1
    assert f"{path}:2: beside, besides → next to" in capsys.readouterr().out


def test_a_file_is_not_named_with_a_refused_word(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rater" / "beside.py").write_text("", encoding="utf-8")

    assert check_terms.main([str(project)]) == 1
    assert "rater/beside.py:0:" in capsys.readouterr().out


def test_data_of_tests_are_not_words_of_ours(project: Path) -> None:
    (project / "tests" / "data").mkdir(parents=True)
    (project / "tests" / "data" / "a.md").write_text("beside", encoding="utf-8")

    assert check_terms.main([str(project)]) == 0


def test_only_the_source_strings_of_translations_are_checked() -> None:
    text = 'msgid "Continue"\nmsgstr ""\n"beside"\n\nmsgid "Shown beside"\nmsgstr "x"\n'

    assert _lines(text, "rater/web/translations/de/LC_MESSAGES/messages.po") == [5]


def test_the_glossary_may_name_a_refused_word_in_its_table() -> None:
    assert _lines("| beside | next to |\n\nbeside\n", "docs/glossary.md") == [3]


def test_a_quotation_is_marked_with_a_reason() -> None:
    assert _lines('X = "I stood in the rain"  # terms: ignore (a prompt)\n') == []
    assert _lines('# terms: ignore (a prompt)\nX = "I stood in the rain"\n') == []
    assert _lines('X = "I stood in the rain"  # terms: ignore\n') == [1]


def test_a_word_that_is_too_frequent_fails(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rater" / "a.py").write_text("# it says so\n", encoding="utf-8")

    assert check_terms.main([str(project)]) == 1
    assert "say, says, said (at most 1.0) !" in capsys.readouterr().err


def test_counts_are_printed_by_term_and_package(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "rater" / "web").mkdir()
    (project / "rater" / "web" / "a.py").write_text("# beside\n# besides\n", encoding="utf-8")

    assert check_terms.main(["--count", str(project)]) == 1
    printed = capsys.readouterr().out
    assert "2 beside, besides\n" in printed
    assert "2 rater/web\n" in printed


def test_the_script_runs_by_itself() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "check_terms.py", "--count", ROOT],
        capture_output=True,
        text=True,
        check=False,  # 1 while a term is refused
    )

    assert "rater/**/*.py" in done.stdout
    assert done.stderr == ""
