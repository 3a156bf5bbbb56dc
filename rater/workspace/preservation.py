"""Preserve studies: back up their databases, verify them, archive them and read archives back."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rater.workspace.databases import DatabasePair

if TYPE_CHECKING:
    from rater.admin.archive import Archived
    from rater.admin.backup import Copied
    from rater.admin.import_archive import Imported
    from rater.verify import Check


class Preservation(DatabasePair):
    """The verbs of a workspace that keep its studies, and prove that nothing was changed."""

    def backup(self, folder: str | Path, *, n_kept: int | None = None) -> "Sequence[Copied]":
        """Copy both SQLite databases to a folder while they are in use.

        Args:
            folder: The folder.
            n_kept: The number of copies of each database to keep, the newest; None keeps all.

        Raises:
            DatabaseError: neither exists, one is not a SQLite file, or a copy fails or is damaged.
        """
        from rater.admin.backup import back_up, delete_old_copies

        copies = back_up(self.rating_url, self.sealed_url, Path(folder), now=datetime.now(UTC))
        if n_kept is not None:
            delete_old_copies(Path(folder), n_kept=n_kept)
        return copies

    def verify(self, name: str, *, head: str | None = None) -> "tuple[Check, ...]":
        """Recompute everything that a study's log, commitment and sealed half vouch for; nothing is written.

        Args:
            name: The study's name.
            head: A head of the log that was printed before and kept in another place, to compare with.
        """
        from rater.verify import verify_study

        return tuple(verify_study(self.rating_url, name, sealed_url=self.sealed_url, head=head))

    def archive(
        self,
        name: str,
        path: str | Path,
        *,
        report: str | Path | None = None,
        with_identifiers: bool = False,
    ) -> "Archived":
        """Write an unblinded study with everything needed to analyse it again into one zip archive.

        Args:
            name: The study's name.
            path: The zip file.
            report: The folder of a report to include.
            with_identifiers: Whether recruitment-platform identifiers are included.
        """
        from rater.admin.archive import archive_study

        return archive_study(
            self.sealed_url,
            self.rating_url,
            name,
            Path(path),
            now=datetime.now(UTC),
            report=None if report is None else Path(report),
            with_identifiers=with_identifiers,
        )

    def import_archive(self, path: str | Path) -> "Imported":
        """Verify an archive, and restore it into databases without a study.

        Raises:
            SealError: the archive was changed, or what is in it does not verify.
            StateError: it is not an archive of this version, or the databases hold another study.
        """
        from rater.admin.import_archive import import_study

        return import_study(Path(path), rating_url=self.rating_url, sealed_url=self.sealed_url)
