"""The command that prints the glossary."""

import re
from pathlib import Path

import pytest

from rater.glossary import read_glossary
from tests.cli.command import run


@pytest.mark.parametrize("typed", [("net", "superiority"), ("net superiority",)])
def test_an_entry_is_printed_as_plain_text(tmp_path: Path, typed: tuple[str, ...]) -> None:
    shown = run("explain", *typed, cwd=tmp_path)

    assert shown.returncode == 0
    assert re.match(r"net superiority\n\n", shown.stdout)
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_synonyms_and_the_page_with_more_are_printed(tmp_path: Path) -> None:
    shown = run("explain", "Bang's", "index", cwd=tmp_path)

    assert shown.stdout.startswith("Bang's index (Bang's blinding index)\n")
    assert "docs/explanation/statistics.md" in shown.stdout


def test_without_a_term_all_terms_are_listed(tmp_path: Path) -> None:
    shown = run("explain", cwd=tmp_path)

    assert shown.stdout.splitlines() == [entry.term for entry in read_glossary()]


def test_an_unknown_term_is_refused_with_similar_ones(tmp_path: Path) -> None:
    refused = run("explain", "bukklet", cwd=tmp_path)

    assert refused.returncode == 2
    assert "'bukklet'" in refused.stderr
    assert "'booklet'" in refused.stderr


def test_help_names_the_command_and_the_guides(tmp_path: Path) -> None:
    shown = run("--help", cwd=tmp_path)

    assert "rater explain TERM" in shown.stdout
    assert "docs/" in shown.stdout
