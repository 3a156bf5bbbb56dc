"""Hold the explanation pages to the code, and what the code cites to the pages."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "explanation"
SOURCES = sorted([*(ROOT / "rater").rglob("*.py"), *(ROOT / "tests").rglob("*.py")])

# Matches "Bates et al. 2015", "Mann & Whitney 1947", "Bang, Ni & Davis 2004", "van Elteren (1960)"
_SURNAME = r"(?:van )?[A-Z][a-zäé]+(?:-?[A-Z][a-zäé]+)*"
_CITATION = re.compile(
    rf"\b({_SURNAME})(?:, {_SURNAME})*(?:,? (?:&|and) {_SURNAME}| et al\.)?,? \(?((?:19|20)\d\d)\b(?!-)"
)
# words before a year that are not names
_NOT_NAMES = {"In", "Since", "Version"}


def prose(source: Path) -> str:
    """Return a file's text with its line breaks and the marks of comments as blanks."""
    return re.sub(r"\s*\n\s*#?\s*", " ", source.read_text(encoding="utf-8"))


def references() -> set[tuple[str, str]]:
    """Return the first author and the year of every reference of the explanation pages."""
    entries = [
        line.removeprefix("- ")
        for page in PAGES.glob("*.md")
        for line in page.read_text(encoding="utf-8").partition("\n## References\n")[2].splitlines()
        if line.startswith("- ")
    ]
    found = [_CITATION.match(entry) for entry in entries]
    assert [entry for entry, match in zip(entries, found, strict=True) if match is None] == []
    return {(match[1], match[2]) for match in found if match}


def test_each_section_of_the_statistics_page_that_the_code_cites_exists() -> None:
    page = (PAGES / "statistics.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (\d+)\. ", page, re.MULTILINE))

    cited = {
        (source.relative_to(ROOT).as_posix(), number)
        for source in SOURCES
        for number in re.findall(r"statistics\.md,? section (\d+)", prose(source), re.IGNORECASE)
    }

    assert len(cited) >= 20
    assert {(source, number) for source, number in cited if number not in sections} == set()


def test_the_statistics_page_numbers_its_sections_from_1_without_gaps() -> None:
    page = (PAGES / "statistics.md").read_text(encoding="utf-8")

    numbers = [int(number) for number in re.findall(r"^## (\d+)\. ", page, re.MULTILINE)]

    assert numbers == list(range(1, len(numbers) + 1))


def test_each_paper_that_the_package_cites_is_in_the_references_of_an_explanation_page() -> None:
    cited = {
        (match[1], match[2])
        for source in (ROOT / "rater").rglob("*.py")
        for match in _CITATION.finditer(prose(source))
        if match[1] not in _NOT_NAMES
    }

    assert len(cited) >= 50
    assert cited - references() == set()


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_each_paper_that_a_page_cites_is_in_its_references(page: Path) -> None:
    text, _, listed = page.read_text(encoding="utf-8").partition("\n## References\n")
    cited = {(match[1], match[2]) for match in _CITATION.finditer(re.sub(r"\s+", " ", text))}
    have = {
        (match[1], match[2])
        for match in map(_CITATION.match, re.findall(r"^- (.*)$", listed, re.MULTILINE))
        if match
    }

    assert {each for each in cited if each[0] not in _NOT_NAMES} <= have


def test_the_architecture_page_has_every_package_and_every_import_contract() -> None:
    page = (PAGES / "architecture.md").read_text(encoding="utf-8")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    packages = sorted(path.parent.name for path in (ROOT / "rater").glob("*/__init__.py"))

    assert [name for name in packages if f"`rater.{name}`" not in page] == []
    assert re.findall(r"^- \*\*(.*)\.\*\*", page, re.MULTILINE) == [each["name"] for each in contracts]


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(
        r"`((?:tests|rater|tools|migrations|docs)/[\w./-]*)`", page.read_text(encoding="utf-8")
    )

    assert [name for name in named if not (ROOT / name).exists()] == []
