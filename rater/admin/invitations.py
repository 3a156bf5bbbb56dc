"""Invite raters: make personal links, and write them to files without dead or lost links.

Links are first written to one private file, then committed, and then written to the requested files; the
private file is removed last. If a run is killed after the commit, the same command finishes it from the
private file. If it is killed before the commit, the links do not exist, and the private file is removed.
"""

import io
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import segno
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.errors import RaterError
from rater.name_lists import similar_names
from rater.names import normalise_name
from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.raters import count_invitations, has_invitations, list_labels, make_invitations
from rater.store.rating.studies import get_study
from rater.study.declaration import require_different
from rater.tables.text_file import read_text
from rater.tables.write import csv_lines
from rater.temp_files import write_whole

MAX_LINKS = 10_000
_MAX_LABEL_LENGTH = 100

Links = list[tuple[str, str]]
"""Label and address of each link."""


@dataclass(frozen=True)
class LinkRequest:
    """The personal links to make."""

    address: str
    """The public address of the server."""
    n: int | None = None
    """The number of links, which are labelled by numbers; None with labels, or for one link."""
    labels: Sequence[str] | Path | None = None
    """A label for each link instead of numbers, or a text file with a label in each line."""

    @property
    def base_url(self) -> str:
        """The address without a slash at its end.

        Raises:
            RaterError: it is not an address that a browser can open.
        """
        if not re.fullmatch(r"https?://[^\s/?#]+(/[^\s?#]*)?", self.address):
            msg = f"--address is {self.address!r}; valid: a public address such as https://study.example.org"
            raise RaterError(msg)
        return self.address.rstrip("/")


def invite_raters(
    rating_url: str,
    name: str,
    request: LinkRequest,
    files: "LinkFiles",
    *,
    now: datetime,
    on_links: Callable[[Links], None],
    on_note: Callable[[str], None],
) -> Links:
    """Make personal links to a study, or finish those of a run that was killed after it had made them.

    Args:
        rating_url: The rating database.
        name: The study's name.
        request: The links to make.
        files: The files that they are written to.
        now: The time.
        on_links: Called with the links before they are committed; where it fails, none is made.
        on_note: Receives remarks in words.

    Raises:
        RaterError: the address or a label is not valid, a file cannot be written, or the study takes no new
            raters.
    """
    base_url = request.base_url
    with disposing(open_rating(rating_url)) as rating:
        links = _finish_earlier(rating, files, on_note)
        if links is not None:
            on_links(links)
            return links
        files.require_free()
        with writing(rating) as session:
            study = get_study(session, name)
            if not study.state.takes_raters:
                msg = f"Study {name!r} is {study.state} and takes no new raters."
                raise RaterError(msg)
            labels = _labels(session, study.id, request, on_note)
            invitations = make_invitations(session, study.id, labels, now=now)
            links = [(each.label, f"{base_url}/s/{study.slug}/i/{each.code}") for each in invitations]
            # Inside the transaction: links that cannot be written or shown are not made.
            files.prepare(links)
            on_links(links)
        files.finish(links)
    return links


def _finish_earlier(rating: Engine, files: "LinkFiles", on_note: Callable[[str], None]) -> Links | None:
    """Finish the files of a run that was killed after its links were made; otherwise remove them."""
    links = files.read_prepared()
    if not links:
        files.discard()
        return None
    with reading(rating) as session:
        are_made = has_invitations(session, [link.rpartition("/")[2] for _, link in links])
    if not are_made:
        files.discard()
        return None
    on_note("An earlier run was interrupted after it had made these links; its files are now finished.")
    files.finish(links)
    return links


def _labels(
    session: Session, study_id: int, request: LinkRequest, on_note: Callable[[str], None]
) -> list[str]:
    """Return the label of each link.

    Raises:
        RaterError: a label is given twice, is too long, or is that of an earlier link.
    """
    if request.labels is None:
        n = 1 if request.n is None else request.n
        if not 1 <= n <= MAX_LINKS:
            msg = f"The number of links is {n:,}; valid: 1 to {MAX_LINKS:,}."
            raise RaterError(msg)
        first = count_invitations(session, study_id).n_made + 1
        return [str(number) for number in range(first, first + n)]
    if request.n is not None:
        msg = "--n and --labels both set the number of links; give one of them."
        raise RaterError(msg)
    source = str(request.labels) if isinstance(request.labels, Path) else "labels"
    labels = read_text(request.labels).splitlines() if isinstance(request.labels, Path) else request.labels
    names = [name for name in map(normalise_name, labels) if name]
    longest = max(map(len, names), default=0)
    if not 1 <= len(names) <= MAX_LINKS or longest > _MAX_LABEL_LENGTH:
        msg = (
            f"{source} has {len(names)} labels, the longest with {longest} characters; "
            f"valid: 1 to {MAX_LINKS} labels of up to {_MAX_LABEL_LENGTH} characters"
        )
        raise RaterError(msg)
    try:
        require_different(source, names, "each link needs a different label")
    except ValueError as error:
        raise RaterError(str(error)) from error
    taken = set(names) & set(map(normalise_name, list_labels(session, study_id)))
    if taken:
        msg = f"{source} has {min(taken)!r}, which is the label of an earlier link; choose another label."
        raise RaterError(msg)
    for group, difference in similar_names(names)[:5]:
        quoted = " and ".join(map(repr, group))
        on_note(f"Note: {quoted} differ only in {difference}; each gets a link of its own.")
    return names


class LinkFiles:
    """The files that links are written to: a table, a folder of QR codes, both or neither."""

    def __init__(
        self, csv_file: Path | None, qr_folder: Path | None, emails: Sequence[str] | None = None
    ) -> None:
        """Name the files.

        Args:
            csv_file: The table.
            qr_folder: The folder of QR codes.
            emails: The mail address of each link, in order, for the table's columns `email` and `sent_at`.
        """
        self._csv_file, self._qr_folder, self._emails = csv_file, qr_folder, emails
        first = csv_file or (None if qr_folder is None else qr_folder / "links")
        self._prepared = None if first is None else first.with_name(f".{first.name}.unfinished")

    def require_free(self) -> None:
        """Refuse a table that is there already.

        Raises:
            RaterError: it is.
        """
        if self._csv_file is not None and os.path.lexists(self._csv_file):
            msg = (
                f"--csv is {self._csv_file}, which exists already and is never overwritten; name another "
                "file."
            )
            raise RaterError(msg)

    def prepare(self, links: Links) -> None:
        """Write links to a private file before the commit; refuse files that could not be written afterwards.

        Raises:
            RaterError: a file is there already or cannot be written; no link was made.
        """
        if self._prepared is None:
            return
        try:
            if self._qr_folder is not None:
                self._qr_folder.mkdir(parents=True, exist_ok=True)
            write_whole(self._prepared, json.dumps(links).encode())
            for path in self._codes(links):
                if os.path.lexists(path):
                    raise FileExistsError(17, "File exists", str(path))
        except OSError as error:
            self.discard()
            msg = f"{error.filename} cannot be written: {error.strerror}. No link was made."
            raise RaterError(msg) from error

    def read_prepared(self) -> Links | None:
        """Read the links of an unfinished earlier run; None without one."""
        try:
            written = None if self._prepared is None else json.loads(self._prepared.read_bytes())
        except (OSError, ValueError):  # none, or cut off while it was written, and so before the commit
            return None
        return None if written is None else [(str(label), str(link)) for label, link in written]

    def finish(self, links: Links) -> None:
        """Write the requested files; the same command continues a run that is killed here.

        Raises:
            RaterError: one cannot be written.
        """
        if self._prepared is None:
            return
        try:
            if self._qr_folder is not None:
                for path, (_, link) in zip(self._codes(links), links, strict=True):
                    picture = io.BytesIO()
                    segno.make(link, error="m", micro=False).save(picture, kind="png", scale=8, border=4)
                    write_whole(path, picture.getvalue())
            if self._csv_file is not None:
                write_whole(self._csv_file, "".join(self._table(links)).encode())
            self.discard()
        except OSError as error:
            msg = (
                f"{error.filename} cannot be written: {error.strerror}. The links are made, and "
                f"{self._prepared} has them. Make room, and run the same command again."
            )
            raise RaterError(msg) from error

    def _table(self, links: Links) -> Iterator[str]:
        if self._emails is None:
            return csv_lines(("label", "link"), links)
        if len(self._emails) != len(links):
            msg = (
                f"{len(links)} links were made, but there are {len(self._emails)} addresses; valid: the "
                f"addresses of the interrupted run. {self._prepared} has the links."
            )
            raise RaterError(msg)
        rows = [(*link, email, "") for link, email in zip(links, self._emails, strict=True)]
        return csv_lines(("label", "link", "email", "sent_at"), rows)

    def discard(self) -> None:
        """Remove the private file."""
        if self._prepared is not None:
            self._prepared.unlink(missing_ok=True)

    def _codes(self, links: Links) -> list[Path]:
        if self._qr_folder is None:
            return []
        names = [re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-") for label, _ in links]
        return [self._qr_folder / f"{number:03d}-{name}.png" for number, name in enumerate(names, start=1)]
