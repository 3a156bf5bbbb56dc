"""Hold the code to what DESIGN and the README say of it."""

import ast
import re
import tomllib
from graphlib import TopologicalSorter
from importlib.metadata import distributions
from pathlib import Path

import grimp
import pytest
from packaging.specifiers import SpecifierSet

import rater

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "rater").rglob("*.py"))
MAX_LINES = 400
MAX_FUNCTION_LINES = 60


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_says_what_it_is_for_and_needs_little_scrolling(module: Path) -> None:
    source = module.read_text()

    docstring = ast.get_docstring(ast.parse(source))

    assert docstring is not None
    assert docstring.splitlines()[0].endswith((".", '".', ":"))
    assert len(source.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_function_is_short(module: Path) -> None:
    functions = [
        node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.FunctionDef)
    ]

    too_long = [f.name for f in functions if (f.end_lineno or f.lineno) - f.lineno >= MAX_FUNCTION_LINES]

    assert too_long == []


# `rater` imports on Windows: modules that only POSIX systems have are imported where they are needed.
POSIX_ONLY = {"crypt", "fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_needs_a_posix_system_to_be_imported(module: Path) -> None:
    statements = ast.parse(module.read_text()).body

    imported = {name.name for node in statements if isinstance(node, ast.Import) for name in node.names} | {
        node.module for node in statements if isinstance(node, ast.ImportFrom)
    }

    assert not imported & POSIX_ONLY


def test_every_layer_of_the_package_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()

    named = set(re.findall(r"`rater/(\w+)", readme))

    packages = {path.parent.name for path in (ROOT / "rater").glob("*/__init__.py")}
    assert packages - {"cli"} <= named


def test_the_readmes_commands_are_the_makefiles_and_the_cli_s() -> None:
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()

    targets = set(
        re.findall(r"make ([a-z]+)", "\n".join(re.findall(r"^\$ (make .*)$", readme, re.MULTILINE)))
    )
    verbs = set(re.findall(r"(?:^\$ |&& |bin/)rater ([a-z]+)", readme, re.MULTILINE))

    assert targets == {"demo", "test"}
    assert all(f"\n{target}:" in makefile for target in targets)
    from rater.cli import cli  # noqa: PLC0415 (only this test needs the commands)

    assert verbs >= {"check", "generate", "publish", "serve", "analyze", "rehearse", "model"}
    assert verbs <= set(cli.commands)


def test_versions_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    changelog = (ROOT / "CHANGELOG.md").read_text()

    assert project["version"] == rater.__version__
    assert "## Unreleased" in changelog


def test_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def pinned() -> set[str]:
    return {
        re.split(r"[=@ ]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }


def test_every_dependency_is_pinned_in_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pins = pinned()

    declared = [
        *project["dependencies"],
        *(d for extra in project["optional-dependencies"].values() for d in extra),
    ]

    names = {re.split(r"[\[><=~ ]", dependency)[0].lower().replace("_", "-") for dependency in declared}
    assert names <= pins


def test_every_pin_is_for_the_oldest_python_that_we_promise() -> None:
    """Debian 12 has 3.11.2, for which pip finds no release that wants 3.11.5."""
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = f"{promised.removeprefix('>=')}.0"
    installed = {
        dist.name.lower().replace("_", "-"): dist.metadata["Requires-Python"] or ""
        for dist in distributions()
    }

    checked = installed.keys() & pinned()
    assert len(checked) > 100
    assert {name for name in checked if not SpecifierSet(installed[name]).contains(oldest)} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions count too; those for type checkers alone do not."""
    graph = grimp.build_graph("rater", exclude_type_checking_imports=True)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    TopologicalSorter(imports).prepare()  # raises CycleError, which names the modules of a circle
