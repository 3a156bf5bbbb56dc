"""Check all words of the project against terms.toml: identifiers, docstrings, comments, messages and docs.

Usage: python tools/check_terms.py [--count] [--only PATH] [FOLDER]

Prints `file:line: term → what to write`, and exits with 1 if a refused term occurs or a word is more frequent
than its rate allows. `--count` prints totals per term and per package, and the rates. A quotation keeps its
words with `terms: ignore (reason)` on its line or on the line above.
"""

import argparse
import re
import sys
import tomllib
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TERMS_FILE = Path(__file__).with_name("terms.toml")
FOLDERS = ("rater", "tests", "migrations", "experiments", "docs", "tools", "deploy", ".ci", ".github")
TOP_FILES = (
    "*.md",
    "Makefile",
    "pyproject.toml",
    "install.sh",
    "CITATION.cff",
    "*.yml",
    ".pre-commit-config.yaml",
)
SUFFIXES = {".py", ".md", ".html", ".js", ".css", ".po", ".sh", ".toml", ".svg", ".yaml", ".yml", ".cff", ""}
# Scripts of others, data that tests read, and the two files that must name what they refuse.
SKIPPED = ("docs/javascripts/", "tests/data/", "tools/terms.toml", "tests/tools/test_check_terms.py")
# Between two words of a phrase: blanks and underscores, the start of a comment's next line, and a string
# literal that ends on one line and continues on the next.
BETWEEN = r"""(?:[\s_#*>/]|["']\s*f?["'])+"""
MARKER = re.compile(r"terms: ignore(?P<reason> \([^)]{4,}\))?")
TRANSLATION = re.compile(r'^msgstr.*\n(?:".*\n?)*', re.MULTILINE)
GLOSSARY_ROW = re.compile(r"^\|.*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Term:
    """A form that is refused or, with `care`, counted."""

    name: str
    write: str
    pattern: re.Pattern[str]
    care: bool
    stems: tuple[str, ...]
    """A lower-case text without any of these cannot match; none: always search."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An occurrence of a term."""

    path: str
    line: int
    term: Term


def read_entries(kind: str) -> list[dict[str, Any]]:
    """Return the tables of terms.toml that are called `term` or `rate`."""
    entries: list[dict[str, Any]] = tomllib.loads(TERMS_FILE.read_text(encoding="utf-8"))[kind]
    return entries


def read_terms() -> list[Term]:
    """Return all terms, with compiled patterns."""
    return [_compile(entry) for entry in read_entries("term")]


def _compile(entry: dict[str, Any]) -> Term:
    words = entry.get("words", ())
    if words:
        phrases = "|".join(BETWEEN.join(map(re.escape, each.split())) for each in words)
        # A word starts after anything but a letter or digit, or where CamelCase starts a word.
        pattern = rf"(?:(?<![^\W_])|(?<=[a-z])(?=[A-Z]))(?i:{phrases})(?![a-z])"
    else:
        # Lookbehinds have a fixed width, so blanks stay as they are inside parentheses that look back.
        pattern = re.sub(r"(\(\?<[!=][^)]*\))| (?![*?+])", lambda found: found[1] or r"\s+", entry["pattern"])
    stems = tuple(max(each.split(), key=len) for each in words)
    return Term(entry["name"], entry["write"], re.compile(pattern), bool(entry.get("care")), stems)


def find_files(root: Path) -> Iterator[Path]:
    """Yield every file of ours with words in it."""
    folders = (path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix in SUFFIXES)
    for path in (*sorted(folders), *(each for pattern in TOP_FILES for each in sorted(root.glob(pattern)))):
        name = path.relative_to(root).as_posix()
        if path.is_file() and "__pycache__" not in name and not name.startswith(SKIPPED):
            yield path


def search(path: str, text: str, terms: list[Term]) -> list[Hit]:
    """Return the hits in a text and in the name of its file, in the order of their lines."""
    checked = _without_quotations(path, text)
    lowered = checked.lower()
    starts = [0, *(found.end() for found in re.finditer("\n", checked))]
    exempt = set()
    for marker in MARKER.finditer(text):
        if marker["reason"]:
            line = bisect(starts, marker.start())
            exempt |= {line, line + 1}
    hits = [Hit(path, 0, term) for term in terms if term.pattern.search(path.replace("/", "."))]
    for term in terms:
        if not term.stems or any(stem in lowered for stem in term.stems):
            lines = (bisect(starts, found.start()) for found in term.pattern.finditer(checked))
            hits += [Hit(path, line, term) for line in lines if line not in exempt]
    return sorted(hits, key=lambda hit: hit.line)


def _without_quotations(path: str, text: str) -> str:
    """Blank out translations, and the glossary's own table, keeping the lines."""
    if path.endswith(".po"):
        return TRANSLATION.sub(lambda found: "\n" * found[0].count("\n"), text)
    return GLOSSARY_ROW.sub("", text) if path.endswith("docs/glossary.md") else text


def measure_rates(texts: dict[str, str]) -> Iterator[str]:
    """Yield a line for each rate and set of texts; one that is too high ends with an exclamation mark.

    The docs alone are only reported: a paragraph is one line there, so their rates are not comparable.
    """
    code = [text for name, text in texts.items() if name.startswith("rater/") and name.endswith(".py")]
    docs = [text for name, text in texts.items() if name.endswith(".md") and "/reference/" not in name]
    for rate in read_entries("rate"):
        pattern = re.compile(rate["pattern"].replace(" ", r"\s+"))
        for name, members in (("rater/**/*.py", code), ("hand-written docs", docs), ("both", code + docs)):
            n_lines = sum(text.count("\n") for text in members)
            value = 1000 * sum(len(pattern.findall(text)) for text in members) / max(n_lines, 1)
            is_high = value > rate["max"] and members is not docs
            yield (
                f"{value:6.2f} per 1,000 lines of {name}: {rate['name']} (at most {rate['max']})"
                + " !" * is_high
            )


def _package(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 or parts[0] in {"rater", "docs"} else parts[0]


def _print_counts(hits: list[Hit]) -> None:
    names = Counter(f"{hit.term.name}{' (counted only)' if hit.term.care else ''}" for hit in hits)
    packages = Counter(_package(hit.path) for hit in hits if not hit.term.care)
    for counts in (names, packages):
        for name, count in counts.most_common():
            print(f"{count:6} {name}")
        print(f"{counts.total():6} in all\n")


def main(arguments: list[str] | None = None) -> int:
    """Check a folder's files; return 1 if a term is refused or a rate is too high."""
    parser = argparse.ArgumentParser(description="Check the project's words against tools/terms.toml.")
    parser.add_argument(
        "--count", action="store_true", help="print totals per term and package, and the rates"
    )
    parser.add_argument("--only", default="", help="print only hits in paths that start with this")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    options = parser.parse_args(arguments)
    terms = read_terms()
    texts = {
        path.relative_to(options.folder).as_posix(): path.read_text(encoding="utf-8")
        for path in find_files(options.folder)
    }
    hits = [
        hit
        for path, text in texts.items()
        if path.startswith(options.only)
        for hit in search(path, text, terms)
    ]
    refused = [hit for hit in hits if not hit.term.care]
    rates = list(measure_rates(texts))
    too_high = [line for line in rates if line.endswith("!")]
    if options.count:
        _print_counts(hits)
        print(*rates, sep="\n")
    else:
        for hit in refused:
            print(f"{hit.path}:{hit.line}: {hit.term.name} → {hit.term.write}")
        for line in too_high:
            print(line, file=sys.stderr)
    return int(bool(refused or too_high))


if __name__ == "__main__":
    sys.exit(main())
