r"""Run the fenced blocks of a documentation page in their order, and put what they print into the page.

A test compares the result with the page; `tools/update_tutorials.py` writes it. These blocks run:

- ``python``: executed in one namespace; a ``text`` block right after it shows what it prints.
- ``{.python title="FILE"}``: written to FILE. Where FILE exists, the block quotes consecutive lines of it.
- ``console``: each line that begins with "$ " is a command, and the lines after it are what it prints.
  `rater` runs as in a shell, and other programs do not run. `rater serve` runs on a free port until the end
  of the page. A command after which the page shows nothing may print anything.

``<!-- a bot rates NAME -->`` lets a bot answer every question of a served study, by counting words.
A Markdown table after ``<!-- table "TITLE" of FILE -->`` is the table of that title in a Markdown file.
"""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from rater.bots.behaviours import Asked
from rater.bots.clients import Bot, take_part
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from tests.cli.command import run

_BLOCK = re.compile(
    r"^```(?:(?P<language>\w+)|\{\.python title=\"(?P<title>[^\"]+)\"\})\n(?P<code>.*?)^```\n"
    r"(?:\n```text\n(?P<shown>.*?)^```\n)?"
    r"|^<!-- a bot rates (?P<study>\w+) -->\n"
    r"|^<!-- table \"(?P<table>[^\"]+)\" of (?P<file>\S+) -->\n\n(?P<rows>(?:\|[^\n]*\n)+)",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
_WIDTH = "80"
# Values that differ from run to run, and so are not compared.
_VARYING = (
    r"\b[0-9a-f]{64}\b",
    r"\b[0-9a-f]{12}\b",
    r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::[\d.]+Z?)?",
    r"(?<=127\.0\.0\.1:)\d+",
    r"(?<=Compute on cpu: ).*(?= in \d)",
    r"(?<=peak memory )[\d.]+",
    r"━+ .*\d+ tokens/s \d+:\d\d:\d\d",  # a bar is shorter where the speed has more digits
)


def same_output(one: str, other: str) -> bool:
    """Return whether two outputs are equal but for hashes, times, memory, ports, progress and end blanks."""
    return _masked(one) == _masked(other)


def _masked(text: str) -> str:
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    for pattern in _VARYING:
        text = re.sub(pattern, "…", text)
    return text


def execute_page(page: str, folder: Path) -> str:
    """Run a page's blocks in a folder, and return the page with what they printed.

    An output is kept as the page shows it where `same_output` finds no difference. A page publishes one study
    at most, and shows one address of it.
    """
    with contextlib.chdir(folder), contextlib.ExitStack() as stack:
        execution = _Execution(stack)
        return _with_one_address(_BLOCK.sub(execution.run_block, page))


def _with_one_address(page: str) -> str:
    """Write one address for the study of a page, whose outputs may have been made in different runs."""
    addresses = re.findall(r"(?<=/s/)[0-9a-f]{12}\b", page)
    return re.sub(r"(?<=/s/)[0-9a-f]{12}\b", addresses[0], page) if addresses else page


@dataclass
class _Execution:
    """The state of a page that is being executed."""

    stack: contextlib.ExitStack
    names: dict[str, object] = field(default_factory=dict)
    address: str = ""
    """The address of the last `rater serve`."""

    def run_block(self, found: re.Match[str]) -> str:
        """Run one block, and return its text with what it printed."""
        block, code = found.group(), found["code"]
        if found["study"]:
            _let_a_bot_rate(found["study"], self.address)
        elif found["table"]:
            return _replace_output(block, found["rows"], _read_table(Path(found["file"]), found["table"]))
        elif found["language"] == "console":
            return block.replace(code, _COMMAND.sub(self._run_command, code))
        elif found["title"]:
            _write_or_compare(Path(found["title"]), code)
        elif found["language"] == "python":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(code, self.names)  # noqa: S102 (the page's code is what is tested)
            return _replace_output(block, found["shown"] or "", printed.getvalue())
        return block

    def _run_command(self, found: re.Match[str]) -> str:
        if not found[1].startswith("rater "):
            return found.group()
        command, shown = shlex.split(found[1].replace("\\\n", ""), comments=True), found[2]
        if command[:2] == ["rater", "serve"]:
            printed, self.address = self.stack.enter_context(serve_study(command))
        else:
            done = run(*command[1:], cwd=Path.cwd(), environ={"COLUMNS": _WIDTH}, merged=True)
            printed = done.stdout
            assert done.returncode == 0, f"{found[1]}\n{printed}"
        return _replace_output(found.group(), shown, printed) if shown else found.group()


def _replace_output(block: str, shown: str, printed: str) -> str:
    if same_output(shown, printed):
        return block
    printed = re.sub(r" +$", "", printed, flags=re.MULTILINE)
    assert shown, f"The page does not show what is printed:\n{block}{printed}"
    return block.replace(shown, printed)


def _write_or_compare(file: Path, code: str) -> None:
    if not file.exists():
        file.write_text(code, encoding="utf-8")
        return
    assert code in file.read_text(encoding="utf-8"), f"{file} does not have these lines:\n{code}"


def _read_table(file: Path, title: str) -> str:
    found = re.search(
        rf"^\*\*{re.escape(title)}\*\*\n\n((?:\|.*\n)+)", file.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert found, f"{file} has no table {title!r}"
    return found[1]


@contextlib.contextmanager
def serve_study(command: list[str]) -> Iterator[tuple[str, str]]:
    """Serve on a free port during a block; yields what was printed, and the address."""
    environ = {**os.environ, "COLUMNS": _WIDTH, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        [sys.executable, "-m", *command, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
    ) as server:
        try:
            assert server.stdout is not None
            lines: list[str] = []
            while not lines or "Ctrl-C" not in lines[-1]:
                line = server.stdout.readline()
                assert line, f"the server ended: {lines}"
                lines.append(line)
            printed = "".join(lines)
            address = re.search(r"http://127\.0\.0\.1:\d+", printed)
            assert address, printed
            yield printed, address.group()
        finally:
            server.terminate()
            server.wait(timeout=60)


def _count_words(asked: Asked) -> float:
    """Return 3 plus the happy words of a text minus its sad ones, from 1 to 5: the same in any booklet."""
    n_happy = len(re.findall(r"love|happy|joy|best", asked.texts[0]))
    n_sad = len(re.findall(r"not|n't|hard|lost|fear|hate", asked.texts[0]))
    return float(min(max(3 + n_happy - n_sad, 1), 5))


def _let_a_bot_rate(name: str, address: str) -> None:
    with disposing(open_rating("sqlite:///rater-data/rating.db")) as rating, reading(rating) as session:
        study = get_study(session, name)
    bot = Bot("effect", _count_words, study.protocol, np.random.default_rng(1))
    visit = take_part(bot, f"{address}/s/{study.slug}")
    assert visit.has_finished
