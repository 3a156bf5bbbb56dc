"""The export of a study: tidy tables with their data dictionary, masked or with arms."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from rater.admin.export import data_dictionary, export_masked, in_order, read_tables, text_meanings
from rater.analysis.describe import rate_texts
from rater.analysis.exclusions import exclude, excluded_raters
from rater.errors import StateError
from rater.report.export import write_dictionaries, write_table
from rater.store.dictionary import Meaning
from rater.store.engine import disposing, reading
from rater.store.rating.export import NAMES, PERSONAL, Options, table_meanings
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from rater.unblind import Reason, joined_meanings, note_shown, unblind
from rater.verify import Check
from rater.workspace.databases import Databases

DICTIONARY = "dictionary"


class ExportedTable(NamedTuple):
    """A table that was written to a file."""

    name: str
    path: Path
    n: int
    """The number of its rows; of the table of texts, the number of texts."""


@dataclass(frozen=True, eq=False)
class StudyExport:
    """The answers of a study, one row for each answer's latest revision."""

    databases: Databases
    """The databases that the further tables are read from."""
    name: str
    """The study's name."""
    frame: pd.DataFrame
    """The answers. A masked export has no arms, and a text has another id for each rater."""
    log_head: str
    """The head of the study's log, with this export in it."""
    texts: pd.DataFrame | None = None
    """All texts with their arms and mean ratings; None in a masked export."""
    look: int | None = None
    """The number of this look at the answers by arm; None in a masked export."""
    tampered: tuple[Check, ...] = ()
    """The checks that found tampering."""

    @classmethod
    def masked(cls, databases: Databases, name: str, *, who: str) -> "StudyExport":
        """Read the answers without arms, and log it.

        Raises:
            StateError: the study is not published.
        """
        exported = export_masked(databases.rating_url, name, who=who, now=datetime.now(UTC))
        return cls(databases, name, in_order(exported.frame), exported.log_head)

    @classmethod
    def unblinded(
        cls, databases: Databases, name: str, *, reason: Reason, allow_tampered: bool = False
    ) -> "StudyExport":
        """Unblind a closed study, which is logged, and read the answers with their arms.

        Raises:
            StateError: the study is neither closed nor unblinded.
            SealError: the data fails verification, and ``allow_tampered`` is not set.
        """
        with disposing(open_rating(databases.rating_url)) as rating, reading(rating) as session:
            state = get_study(session, name).state
        if not state.is_over:
            msg = (
                f"Study {name!r} is {state}; only a closed study can be exported with its arms. "
                f"Run: rater close {name}"
            )
            raise StateError(msg)
        joined = unblind(
            *databases, name, reason=reason, now=datetime.now(UTC), allow_tampered=allow_tampered
        )
        exclusion = exclude(
            joined.frame, joined.raters, joined.plan.exclusions, primary=joined.plan.primary_parts
        )
        texts = rate_texts(
            joined.texts, joined.frame, joined.plan.dimensions, excluded=excluded_raters(exclusion)
        )
        return cls(
            databases,
            name,
            in_order(joined.frame),
            joined.log_head,
            texts=texts,
            look=joined.look,
            tampered=tuple(joined.tampered),
        )

    def write(self, path: str | Path, *, with_identifiers: bool = False) -> tuple[ExportedTable, ...]:
        """Write the answers to a file, and further tables and the data dictionary next to it.

        The look at an unblinded study is then logged as shown.

        Args:
            path: The file of answers: .csv, .jsonl or .parquet; the further tables get the same format.
            with_identifiers: Whether recruitment-platform identifiers are written too.

        Returns:
            The tables, the answers first; the dictionary is at ``further_path(path, DICTIONARY)``.

        Raises:
            RaterError: the format is unknown, or a package that it needs is not installed.
        """
        path, is_masked = Path(path), self.texts is None
        options = Options(masked=is_masked, with_identifiers=with_identifiers)
        further = read_tables(self.databases.rating_url, self.name, options, now=datetime.now(UTC))
        answer_meanings = data_dictionary(self.frame.columns, masked=is_masked)
        if not is_masked:
            answer_meanings |= joined_meanings(self.frame.columns)
        described = {"ratings": (_entries(answer_meanings), self.frame)}
        described |= {
            name: (_entries(table_meanings(name, masked=is_masked)), table) for name, table in further.items()
        }
        write_table(self.frame, path)
        written = [ExportedTable("answers", path, len(self.frame))]
        for name, table in further.items():
            write_table(table, further_path(path, name))
            written.append(ExportedTable(name, further_path(path, name), len(table)))
        if self.texts is not None:
            described["texts"] = (text_meanings(self.texts.columns), self.texts)
            write_table(self.texts, further_path(path, "texts"))
            n_texts = self.texts["item"].nunique()
            written.append(ExportedTable("texts", further_path(path, "texts"), n_texts))
        write_dictionaries(described, further_path(path, DICTIONARY))
        if self.look is not None:
            note_shown(self.databases.rating_url, self.name, look=self.look, now=datetime.now(UTC))
        return tuple(written)


def further_paths(path: Path, *, unblinded: bool, with_identifiers: bool) -> list[Path]:
    """Return the paths of the files that an export writes next to its answers."""
    tables = [name for name in NAMES if with_identifiers or name not in PERSONAL]
    return [further_path(path, name) for name in (*tables, *(["texts"] if unblinded else []), DICTIONARY)]


def further_path(path: Path, name: str) -> Path:
    """Return the path of a further table, or of the data dictionary."""
    return path.with_name(f"{path.stem}.{name}{'.json' if name == DICTIONARY else path.suffix}")


def _entries(meanings: Mapping[str, Meaning]) -> dict[str, tuple[str, str]]:
    return {column: (meaning.description, meaning.seen_by) for column, meaning in meanings.items()}
