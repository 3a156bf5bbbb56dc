"""Hold the files around the code to the code: guides, templates, workflows, metadata and the image."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped] # it has no types

import rater

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()
GUIDES = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
FORMS = [
    path for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"
]
COMPOSE = ROOT / "deploy" / "compose.yaml"


def violations(schema: str, *files: Path) -> str:
    """Validate files against a schema that check-jsonschema brings; return the errors, if any."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.citation-file-format", [ROOT / "CITATION.cff"]),
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"]),
        ("vendor.compose-spec", [COMPOSE]),
    ],
)
def test_a_file_in_a_public_format_follows_its_schema(schema: str, files: list[Path]) -> None:
    assert files
    assert violations(schema, *files) == ""


def test_a_citation_file_without_a_title_is_not_valid(tmp_path: Path) -> None:
    lines = (ROOT / "CITATION.cff").read_text().splitlines(keepends=True)
    broken = tmp_path / "CITATION.cff"
    broken.write_text("".join(line for line in lines if not line.startswith("title:")))

    assert "title" in violations("vendor.citation-file-format", broken)


def test_the_citation_has_the_version_and_the_date_of_the_last_release() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    headings = re.findall(r"^## (\S+) - (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert citation["version"] == rater.__version__
    assert (citation["version"], citation["date-released"]) == headings[0]
    assert citation["license"] == PROJECT["project"]["license"]


def test_the_changelog_uses_the_headings_of_keep_a_changelog() -> None:
    lines = (ROOT / "CHANGELOG.md").read_text().splitlines()
    kinds = {line.removeprefix("### ") for line in lines if line.startswith("### ")}

    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert next(line for line in lines if line.startswith("## ")) == "## Unreleased"


def test_the_changelog_has_no_entry_twice() -> None:
    """Merges of parallel changes repeat entries."""
    entries = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("- ")]

    assert {entry for entry in entries if entries.count(entry) > 1} == set()


@pytest.mark.parametrize("guide", GUIDES)
def test_every_path_and_link_in_a_guide_exists(guide: str) -> None:
    text = (ROOT / guide).read_text()
    paths = re.findall(r"`((?:rater|tests|tools|docs|migrations|deploy|\.github)/[\w./-]*)`", text)
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]

    assert [path for path in [*paths, *links] if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("path", [*GUIDES, *(str(each.relative_to(ROOT)) for each in WORKFLOWS)])
def test_every_make_target_that_is_named_exists(path: str) -> None:
    text = (ROOT / path).read_text()
    targets = set(re.findall(r"(?:`|^\$ |run: )make ([a-z-]+)", text, re.MULTILINE))

    assert {target for target in targets if f"\n{target}: " not in MAKEFILE} == set()


def test_contributing_names_every_layer() -> None:
    layers = PROJECT["tool"]["importlinter"]["contracts"][0]["layers"]
    packages = {name for layer in layers for name in layer.split(" | ") if (ROOT / "rater" / name).is_dir()}

    named = set(re.findall(r"`rater/(\w+)`", (ROOT / "CONTRIBUTING.md").read_text()))

    assert packages - named == {"tables"}


def test_the_names_in_the_recipes_are_in_the_modules_that_they_are_next_to() -> None:
    """`FORMS` in `rater/audit/cues.py`: the module has the name."""
    text = " ".join((ROOT / "CONTRIBUTING.md").read_text().split())
    pairs = re.findall(r"`(\w+)` in `(rater/[\w/.]+\.py)`", text)
    pairs += [(name, path) for path, name in re.findall(r"`(rater/[\w/.]+\.py)`: `(\w+)`", text)]

    assert len(pairs) >= 8
    assert [pair for pair in pairs if not re.search(rf"\b{pair[0]}\b", (ROOT / pair[1]).read_text())] == []


def test_every_workflow_states_that_it_was_not_run() -> None:
    assert [path.name for path in WORKFLOWS if not path.read_text().startswith("# Written, not run")] == []


def test_the_workflows_run_every_python_of_the_classifiers() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "checks.yml").read_text())
    versions = {
        each.rpartition(" ")[2] for each in PROJECT["project"]["classifiers"] if "Python :: 3." in each
    }

    for job in ("check", "test"):
        assert versions <= set(workflow["jobs"][job]["strategy"]["matrix"]["python"])
    assert f">={min(versions, key=lambda version: int(version[2:]))}" == PROJECT["project"]["requires-python"]


def test_the_hooks_before_a_commit_run_the_commands_of_make_check() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    tools = {Path(hook["entry"].split()[0]).name for hook in hooks}
    checked = set(
        re.findall(r"\$\(BIN\)/([\w-]+)", MAKEFILE.partition("\ncheck:")[2].partition("\nterms:")[0])
    )

    assert checked - tools == {"mypy", "lint-imports"}
    assert {str(Path(hook["entry"].split()[0]).parent) for hook in hooks} == {".venv/bin"}
    assert all((Path(sys.executable).parent / tool).exists() for tool in tools)


def test_the_image_is_built_from_all_that_the_wheel_includes() -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    folders = {*wheel["packages"], *wheel["force-include"]}
    copied = set(re.findall(r"^COPY (\w+) \1$", (ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE))
    let_in = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines()}

    assert copied == folders
    assert folders <= let_in
