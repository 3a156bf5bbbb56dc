"""The glossary, and the command that prints it."""

import re
from pathlib import Path

import pytest

from rater.cli.explain import Entry, find_entry, read_glossary
from rater.errors import RaterError
from tests.cli.command import run

# The words that the project uses, one for each thing.
VOCABULARY = (
    "study, arm, activation addition, steering vector, residual stream, hook point, coefficient, "
    "completion, item, trial, dimension, scale, anchor, booklet, block, session, rater, answer, "
    "revision, key, commitment, seal, unblind, interim look, contrast, SESOI, concept, concept factor, "
    "engine, shard, judge, metric"
)
STATISTICS = (
    "alpha, alpha spending, AC2, Bang's index, Benjamini–Hochberg method, BLUP, Bradley–Terry model, "
    "cell, Cliff's delta, Cohen's d, confidence interval, confound, crossed design, crossed "
    "random-effects t test, cumulative link mixed model, equivalence, family-wise error rate, false "
    "discovery rate, group-sequential design, Holm correction, ICC, intraclass correlation, James's "
    "index, kappa paradox, Krippendorff's alpha, Laplace approximation, likelihood-ratio test, "
    "Mann–Whitney test, net superiority, odds ratio, p-value, pigeonhole bootstrap, power, prediction "
    "interval, proportional odds, quasi-F, random effect, REML, Satterthwaite, scope, sign-flip test, "
    "signed-rank test, tipping point, TOST, type I error, weighted kappa"
)


@pytest.fixture(scope="module")
def glossary() -> tuple[Entry, ...]:
    return read_glossary()


@pytest.mark.parametrize("term", [*VOCABULARY.split(", "), *STATISTICS.split(", ")])
def test_the_glossary_defines_the_vocabulary_and_the_statistics(
    glossary: tuple[Entry, ...], term: str
) -> None:
    entry = find_entry(term, glossary)

    assert term in entry.names


def test_each_entry_is_one_paragraph(glossary: tuple[Entry, ...]) -> None:
    wrong = [
        entry.term
        for entry in glossary
        if "\n" in entry.definition
        or not 40 <= len(entry.definition) <= 700
        or entry.definition[-1] not in ".)"
    ]

    assert wrong == []


def test_terms_are_sorted_and_no_two_entries_share_a_name(glossary: tuple[Entry, ...]) -> None:
    terms = [re.sub(r"[^a-z0-9]", "", entry.term.casefold()) for entry in glossary]
    names = [name.casefold() for entry in glossary for name in entry.names]

    assert terms == sorted(terms)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("typed", "term"),
    [
        (("net", "superiority"), "net superiority"),
        (("NET-SUPERIORITY",), "net superiority"),
        (("krippendorffs", "alpha"), "Krippendorff's alpha"),
        (("two one-sided tests",), "TOST"),
        (("icc(2,k)",), "ICC"),
    ],
)
def test_a_term_is_found_by_any_of_its_names_and_spellings(
    tmp_path: Path, typed: tuple[str, ...], term: str
) -> None:
    shown = run("explain", *typed, cwd=tmp_path)

    assert shown.returncode == 0
    assert re.match(rf"{re.escape(term)}( \(.*\))?\n\n", shown.stdout)


def test_an_entry_is_printed_as_plain_text_that_names_the_page(tmp_path: Path) -> None:
    shown = run("explain", "scope", cwd=tmp_path)

    assert "docs/explanation/statistics.md" in shown.stdout
    assert not re.search(r"[`*]|\]\(", shown.stdout)
    assert max(map(len, shown.stdout.splitlines())) <= 100


def test_without_a_term_all_terms_are_listed(tmp_path: Path, glossary: tuple[Entry, ...]) -> None:
    shown = run("explain", cwd=tmp_path)

    assert shown.stdout.splitlines() == [entry.term for entry in glossary]


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("krippendorff", "Krippendorff's alpha"), ("bukklet", "booklet"), ("xyzzy", "rater explain")],
)
def test_an_unknown_term_is_refused_with_similar_ones(tmp_path: Path, typed: str, suggested: str) -> None:
    refused = run("explain", typed, cwd=tmp_path)

    assert refused.returncode == 2
    assert repr(typed) in refused.stderr
    assert suggested in refused.stderr


def test_an_error_names_at_most_five_terms(glossary: tuple[Entry, ...]) -> None:
    with pytest.raises(RaterError) as refused:
        find_entry("test", glossary)

    assert 2 <= str(refused.value).count(" or ") + 1 <= 5


def test_help_names_the_command_and_the_guides(tmp_path: Path) -> None:
    shown = run("--help", cwd=tmp_path)

    assert "rater explain TERM" in shown.stdout
    assert "docs/" in shown.stdout
