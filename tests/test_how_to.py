"""Hold the guides to the program: commands exist, study fields are valid, and pages of commands run."""

import re
import shlex
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

import rater
from rater.cli import cli
from rater.publish.publish import close_study, open_study, publish_study
from rater.store.rating.trials import Judgement, TrialView
from rater.study.load import load_study
from rater.study.study import Study
from tests.cli.command import run
from tests.unblind.conftest import NOW, rate

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(
    page for page in DOCS.rglob("*.md") if page.name not in {"changelog.md", "commands.md", "glossary.md"}
)
GUIDES = sorted((DOCS / "how-to").glob("*.md"))
# Pages of which other tests run the code.
RUN_BY_OTHERS = {"analysis.md", "steering.md", "notebook.md", "tokens.md", "corpus.md", "llm-steering.md"}
# Pages whose commands run in order, and the state that the study `mine` has before them.
RUN = {
    "amend.md": "open",
    "analyse-ratings.md": "open",
    "back-up.md": "open",
    "data-protection.md": "open",
    "external-completions.md": "none",
    "interim.md": "open",
    "judge.md": "open",
    "rate-texts.md": "none",
    "share.md": "open",
    "translations.md": "none",
    "verify.md": "closed",
}


def fences(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[str]:
    """The command lines of a page, without their comments; a backslash continues a line."""
    for block in fences(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("$ ", "# ")):
                yield re.sub(r"\s+# .*", "", line[2:])


@pytest.mark.parametrize("page", [*PAGES, ROOT / "README.md"], ids=lambda page: page.stem)
def test_every_command_of_a_page_is_one_that_there_is(page: Path) -> None:
    for line in commands(page):
        for name, written in re.findall(r"(?:^|&& |bin/|prepare |=\S+ )rater ([a-z]+)\b([^&>'|]*)", line):
            assert name in cli.commands, line
            context = cli.commands[name].make_context(name, shlex.split(written), resilient_parsing=True)
            unknown = [
                word for word in shlex.split(written) if word.startswith("--") and not _is(context, word)
            ]
            assert unknown == [], line


def _is(context: object, option: str) -> bool:
    """Return whether an option is one of the command, or of a command of its group."""
    found = context.command  # type: ignore[attr-defined] # click's Context
    every = [found, *getattr(found, "commands", {}).values()]
    return any(
        option.partition("=")[0] in [*parameter.opts, *parameter.secondary_opts]
        for each in every
        for parameter in each.params
    )


@pytest.mark.parametrize(
    "page", [page for page in GUIDES if page.name not in RUN_BY_OTHERS], ids=lambda page: page.stem
)
def test_the_fields_of_a_study_that_a_guide_shows_are_valid(page: Path) -> None:
    demo = load_study(ROOT / "experiments" / "love_vs_hate.py")
    declared = {name: getattr(demo, name) for name in Study.model_fields}

    for block in fences(page, "python"):
        names = {name: getattr(rater, name) for name in rater.__all__}
        exec(block, names)  # noqa: S102 (the page's code is what is tested)
        shown = {name: names[name] for name in Study.model_fields if name in names}
        if "dimensions" in shown:  # the demo's plan of analysis names its own dimension
            shown = {"analysis": rater.AnalysisPlan(), **shown}
        if "items" in shown:  # which have the prompts
            shown["prompts"] = tuple(item.prompt for item in shown["items"])
        if "house_style" not in block:  # the file of these arms is the template's
            Study.model_validate({**declared, **shown})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns a folder with the study `mine` in a state, its texts from a file."""
    made: dict[str, Path] = {}

    def prepare(state: str) -> Path:
        if state not in made:
            made[state] = _prepare(tmp_path_factory.mktemp(state), state)
        return made[state]

    return prepare


def _prepare(folder: Path, state: str) -> Path:
    (folder / "experiments").mkdir()
    assert run("new", "experiments/mine.py", "--template", "external_completions", cwd=folder).returncode == 0
    rating_url = f"sqlite:///{folder / 'rater-data' / 'rating.db'}"
    sealed_url = f"sqlite:///{folder / 'rater-data' / 'sealed.db'}"
    if state == "none":
        return folder
    assert run("generate", "experiments/mine.py", cwd=folder).returncode == 0
    publish_study(sealed_url, rating_url, "mine", now=NOW)
    open_study(rating_url, "mine", now=NOW)
    study = load_study(folder / "experiments" / "mine.py")
    for number in range(3):
        rate(rating_url, study, judge=partial(_judge, number))
    if state == "closed":
        close_study(rating_url, "mine", now=NOW)
    return folder


def _judge(number: int, shown: TrialView) -> Judgement:
    """Rate a text by its length, and each rater a little differently."""
    return Judgement(1 + (len(shown.texts[0]) + number) % 5)


@pytest.mark.parametrize("name", RUN)
def test_the_commands_of_a_guide_run_in_their_order(
    name: str, prepared: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(prepared(RUN[name]), folder)
    words = _prepare_for_the_page(folder, RUN[name])

    done = 0
    for line in commands(DOCS / "how-to" / name):
        if re.match(r"rater (serve|rehearse)|make ", line):  # they serve or simulate; other tests run them
            continue
        filled = re.sub("|".join(words) or "$^", lambda found: words[found[0]], line)
        returncode, printed = _execute(filled, folder)
        assert returncode == 0, f"{line}\n{printed}"
        done += 1

    assert done


def _prepare_for_the_page(folder: Path, state: str) -> dict[str, str]:
    """Make the files that a page begins with; return what its placeholders mean here."""
    rows = [
        f"r{rater},p{prompt},{arm},{1 + (rater * prompt) % 4 + (arm == 'steered') * (prompt % 3 > 0)}"
        for rater in range(1, 5)
        for prompt in range(1, 9)
        for arm in ("base", "steered")
    ]
    (folder / "ratings.csv").write_text("\n".join(["who,question,model,stars", *rows]))
    file = folder / "experiments" / "mine.py"
    (folder / "texts.csv").write_text("prompt,text,arm\nWe, ran.,unsteered\nWe, danced.,steered\n")
    if state == "none":
        return {}
    file.write_text(file.read_text().replace("You are invited", "You are kindly invited"))
    with closing(sqlite3.connect(folder / "rater-data" / "rating.db")) as rating:
        (rater_id,) = rating.execute("SELECT id FROM rater ORDER BY id LIMIT 1").fetchone()
        (head,) = rating.execute("SELECT hash FROM event ORDER BY id DESC LIMIT 1").fetchone()
    return {"5f3a9c": rater_id[:6], "HASH": head}


def _execute(line: str, folder: Path) -> tuple[int, str]:
    """Run a command line: `rater` in this process, everything else in a shell."""
    command, _, file = line.partition(" > ")
    if not command.startswith("rater "):
        done = subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr
    ran = run(*shlex.split(command)[1:], cwd=folder, stdin="y\n")
    if file:
        (folder / file).write_text(ran.stdout)
    return ran.returncode, ran.stdout + ran.stderr


SIZES = DOCS / "how-to" / "sample-size.md"
CASES = re.findall(
    r"^\| `(\w+)\.py`, `([^`]+)`[^|]*\| (.*) \|$", SIZES.read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.fixture(scope="module")
def experiments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study files of the guide to sample sizes, made by its commands."""
    folder = tmp_path_factory.mktemp("sizes")
    shutil.copytree(ROOT / "experiments", folder / "experiments")
    for line in commands(SIZES):
        if not line.startswith("rater power "):
            assert _execute(line, folder)[0] == 0
    return folder


@pytest.mark.slow
def test_the_guide_to_sample_sizes_shows_what_the_command_prints(experiments: Path) -> None:
    (shown,) = fences(SIZES, "text")
    command = next(commands(SIZES))

    ran = run(*shlex.split(command)[1:], cwd=experiments, environ={"COLUMNS": "80"})

    assert shown in re.sub(" +$", "", ran.stdout, flags=re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize(("file", "options", "cells"), CASES)
def test_a_worked_case_of_the_guide_to_sample_sizes_is_computed(
    experiments: Path, file: str, options: str, cells: str
) -> None:
    ran = run("power", f"experiments/{file}.py", *options.split(), cwd=experiments)

    # rows: 6, 12, 24, 48 raters; columns: half, all, twice and three times the prompts
    rows = re.findall(r"^ *\d+ +\d+%.*$", ran.stdout, re.MULTILINE)
    powers = [row.split()[1:] for row in rows]
    assert cells.split(" | ") == [powers[1][1], powers[2][1], powers[1][2], powers[2][2]]


@pytest.mark.slow
def test_the_guide_to_notebooks_runs(
    prepared: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "work"
    shutil.copytree(prepared("none"), folder)
    monkeypatch.chdir(folder)
    text = (DOCS / "how-to" / "notebook.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", text, re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}

    for code, shown in blocks:
        exec(code, names)  # noqa: S102 (the page's code is what is tested)
        assert capsys.readouterr().out == shown

    assert len(blocks) == 4
