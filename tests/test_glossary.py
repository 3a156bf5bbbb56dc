"""The glossary defines the project's words and the terms of its statistics."""

import re

import pytest

from rater.errors import RaterError
from rater.glossary import find_entry, read_glossary

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


@pytest.mark.parametrize("term", [*VOCABULARY.split(", "), *STATISTICS.split(", ")])
def test_the_glossary_defines_the_vocabulary_and_the_statistics(term: str) -> None:
    assert term in find_entry(term).names


def test_each_entry_is_one_paragraph() -> None:
    wrong = [
        entry.term
        for entry in read_glossary()
        if "\n" in entry.markdown or not 40 <= len(entry.markdown) <= 700 or entry.markdown[-1] not in ".)"
    ]

    assert wrong == []


def test_terms_are_sorted_and_no_two_entries_share_a_name() -> None:
    terms = [re.sub(r"[^a-z0-9]", "", entry.term.casefold()) for entry in read_glossary()]
    names = [name.casefold() for entry in read_glossary() for name in entry.names]

    assert terms == sorted(terms)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("typed", "term"),
    [
        ("NET-SUPERIORITY", "net superiority"),
        ("krippendorffs alpha", "Krippendorff's alpha"),
        ("Krippendorff’s alpha", "Krippendorff's alpha"),
        ("two one-sided tests", "TOST"),
        ("icc(2,k)", "ICC"),
    ],
)
def test_a_term_is_found_by_any_of_its_names_and_spellings(typed: str, term: str) -> None:
    assert find_entry(typed).term == term


def test_a_definition_is_plain_text_with_or_without_the_pages_that_it_refers_to() -> None:
    for entry in read_glossary():
        assert not re.search(r"[`*]|\]\(", entry.definition + entry.definition_with_pages)
    assert "docs/explanation/statistics.md" in find_entry("scope").definition_with_pages
    assert "docs/" not in find_entry("scope").definition


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [("krippendorff", "Krippendorff's alpha"), ("bukklet", "booklet"), ("xyzzy", "rater explain")],
)
def test_an_unknown_term_is_refused_with_similar_ones(typed: str, suggested: str) -> None:
    with pytest.raises(RaterError, match=typed) as refused:
        find_entry(typed)

    assert suggested in str(refused.value)


def test_an_error_names_at_most_five_terms() -> None:
    with pytest.raises(RaterError) as refused:
        find_entry("test")

    assert 2 <= str(refused.value).count(" or ") + 1 <= 5
