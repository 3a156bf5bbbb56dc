"""The page on errors quotes messages that exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "how-to" / "errors.md").read_text(encoding="utf-8")
QUOTED = [
    message
    for row in re.findall(r"^\| (.*?) \| ", PAGE, re.MULTILINE)
    for message in re.findall(r"`([^`]+)`", row)
]


def text_of(node: ast.expr) -> str:
    """Return a string with … for each value that is put into it; empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


def messages() -> Iterator[str]:
    for source in (ROOT / "rater").rglob("*.py"):
        nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in docstrings:
                yield text_of(node).replace("`", "")


@pytest.fixture(scope="module")
def in_the_code() -> list[str]:
    return [message for message in messages() if len(message) > 10]


@pytest.mark.parametrize("quoted", QUOTED)
def test_each_quoted_message_exists(in_the_code: list[str], quoted: str) -> None:
    # One … on the page may replace several words and values of the code, or the rest of a sentence.
    pattern = re.compile(".*".join(map(re.escape, quoted.split("…"))), re.DOTALL)

    assert any(pattern.search(message) for message in in_the_code), quoted


def test_the_page_covers_each_group_of_errors() -> None:
    groups = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)

    expected = "Study file, Environment, Generation, Publication, Serving, Analysis, Tables, Databases"
    assert ", ".join(groups) == expected
    assert len(QUOTED) >= 60
