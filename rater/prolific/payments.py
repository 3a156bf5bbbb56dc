"""Approve and reject submissions on Prolific, and pay bonuses, from lists of participants or submissions."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path

from rater.errors import TableError
from rater.prolific.client import ProlificClient, ProlificError, require_id
from rater.prolific.studies import require_amount
from rater.prolific.submissions import AWAITING_REVIEW, Submission
from rater.tables.text_file import read_text

MAX_BONUSES = 200
"""Participants that Prolific accepts in one bonus payment."""
MIN_MESSAGE = 100
"""Characters that Prolific requires of the message to a rejected participant."""
_MAX_BONUS = Decimal(1_000)
_MAX_ROWS = 10_000


class RejectionCategory(StrEnum):
    """Prolific's categories of rejections."""

    TOO_QUICKLY = "TOO_QUICKLY"
    TOO_SLOWLY = "TOO_SLOWLY"
    FAILED_INSTRUCTIONS = "FAILED_INSTRUCTIONS"
    INCOMP_LONGITUDINAL = "INCOMP_LONGITUDINAL"
    FAILED_CHECK = "FAILED_CHECK"
    LOW_EFFORT = "LOW_EFFORT"
    MALINGERING = "MALINGERING"
    NO_CODE = "NO_CODE"
    BAD_CODE = "BAD_CODE"
    NO_DATA = "NO_DATA"
    UNSUPP_DEVICE = "UNSUPP_DEVICE"
    OTHER = "OTHER"


@dataclass(frozen=True)
class Rejection:
    """A submission to reject."""

    id: str
    """The participant's or the submission's ID."""
    category: RejectionCategory
    message: str
    """The reason, which the participant reads."""


@dataclass(frozen=True)
class Bonus:
    """A bonus to pay."""

    id: str
    """The participant's or the submission's ID."""
    amount: Decimal
    """In the study's currency."""


@dataclass(frozen=True)
class Review:
    """The submissions of a list that can be reviewed, and the IDs that cannot, with the reason."""

    submissions: tuple[Submission, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class PreparedBonuses:
    """Bonuses that are set up on Prolific and not yet paid."""

    id: str
    """The id of the payment on Prolific."""
    total: Decimal | None
    """The amount taken from the balance, with fees and taxes, in the study's currency."""


def read_ids(path: Path) -> list[str]:
    """Read a list of IDs: one in each line, or the first column of a table whose first line is ``id``.

    Raises:
        TableError: the file cannot be read, is empty, or names an ID twice.
    """
    return [row[0] for row in _read_rows(path, 1, "id")]


def read_rejections(path: Path) -> list[Rejection]:
    """Read a table with the columns id, category and message.

    Raises:
        TableError: the file cannot be read, or a row is not valid.
    """
    rows = enumerate(_read_rows(path, 3, "id,category,message"), start=1)
    return [make_rejection(row[0], row[1], row[2], f"{path}, entry {number}") for number, row in rows]


def make_rejection(person_id: str, category: str, message: str, place: str) -> Rejection:
    """Make a rejection that Prolific accepts.

    Args:
        person_id: The participant's or the submission's ID.
        category: One of Prolific's categories, in any case.
        message: The reason, which the participant reads.
        place: The place of the rejection, for errors.

    Raises:
        TableError: the category is unknown, or the message is too short.
    """
    given, text = category.strip().upper(), message.strip()
    if given not in set(RejectionCategory):
        msg = f"{place}: the category is {category!r}; valid: {', '.join(RejectionCategory)}."
        raise TableError(msg)
    if len(text) < MIN_MESSAGE:
        msg = (
            f"{place}: the message has {len(text)} characters; Prolific requires at least {MIN_MESSAGE}, "
            "which explain the reason to the participant."
        )
        raise TableError(msg)
    return Rejection(person_id, RejectionCategory(given), text)


def read_bonuses(path: Path) -> list[Bonus]:
    """Read a table with the columns id and amount.

    Raises:
        TableError: the file cannot be read, or an amount is not valid.
    """
    found = []
    for number, row in enumerate(_read_rows(path, 2, "id,amount"), start=1):
        what = f"{path}, entry {number}: the amount"
        try:
            amount = require_amount(Decimal(row[1].strip()), what, most=_MAX_BONUS)
        except InvalidOperation as error:
            msg = f"{what} is {row[1]!r}; valid: an amount such as 1.50."
            raise TableError(msg) from error
        except ProlificError as error:
            raise TableError(str(error)) from error
        found.append(Bonus(row[0], amount))
    return found


def review(submissions: Sequence[Submission], ids: Iterable[str]) -> Review:
    """Find the submissions of participant or submission IDs, and keep those that await review."""
    by_id = _by_id(submissions)
    found, skipped = [], []
    for each in ids:
        submission = by_id.get(each)
        if submission is None:
            skipped.append((each, "Prolific lists no submission with this ID"))
        elif submission.status != AWAITING_REVIEW:
            skipped.append((each, f"the submission is {submission.status.lower()}, not awaiting review"))
        elif submission not in found:
            found.append(submission)
    return Review(tuple(found), tuple(skipped))


def approve(client: ProlificClient, submissions: Sequence[Submission]) -> None:
    """Approve submissions, whose participants are paid by the site within some minutes.

    Raises:
        ProlificError: the site refuses it.
    """
    ids = [each.id for each in submissions]
    client.post("submissions/bulk-approve/", {"submission_ids": ids}, repeats=False)


def reject(client: ProlificClient, submission: Submission, rejection: Rejection) -> None:
    """Reject a submission; the participant is not paid and reads the message.

    Raises:
        ProlificError: the site refuses it.
    """
    body = {
        "action": "REJECT",
        "rejection_category": rejection.category.value,
        "message": rejection.message,
    }
    # the site documents that a repeated transition is ignored
    client.post(f"submissions/{submission.id}/transition/", body, repeats=True)


def require_payable(submissions: Sequence[Submission], bonuses: Iterable[Bonus], *, again: bool) -> None:
    """Refuse bonuses for people who are not in the study, or who would be paid twice.

    Args:
        submissions: The study's submissions.
        bonuses: The bonuses.
        again: True to pay those, too, whose submission has been paid a bonus before.

    Raises:
        ProlificError: an ID has no submission, two IDs are of one participant, or a participant has had a
            bonus before.
    """
    by_id = _by_id(submissions)
    given: dict[str, str] = {}
    for each in bonuses:
        submission = by_id.get(each.id)
        if submission is None:
            msg = f"Prolific lists no submission of {each.id}, so no bonus can be paid. Nothing was paid."
            raise ProlificError(msg)
        other = given.setdefault(submission.participant_id, each.id)
        if other != each.id:
            msg = f"{other} and {each.id} are the same participant; give one bonus each. Nothing was paid."
            raise ProlificError(msg)
        if submission.bonuses and not again:
            paid = sum(submission.bonuses) / 100
            msg = (
                f"{each.id} has had a bonus of {paid:.2f} before. Nothing was paid. Remove the line, or pay "
                "again with --again."
            )
            raise ProlificError(msg)


def prepare_bonuses(client: ProlificClient, study_id: str, bonuses: Sequence[Bonus]) -> PreparedBonuses:
    """Set up bonuses on Prolific; nothing is paid yet.

    Raises:
        ProlificError: the site refuses it, for instance because an ID did not take part in the study; or
            there are more bonuses than it accepts.
    """
    if not 1 <= len(bonuses) <= MAX_BONUSES:
        msg = f"A bonus payment has {len(bonuses)} participants; valid: 1 to {MAX_BONUSES}."
        raise ProlificError(msg)
    lines = "".join(f"{each.id},{each.amount:.2f}\n" for each in bonuses)
    body = {"study_id": require_id(study_id, "--id"), "csv_bonuses": lines}
    made = client.post("submissions/bonus-payments/", body, repeats=False)
    total = made.get("total_amount")
    return PreparedBonuses(
        require_id(str(made.get("id", "")), "The id of the bonus payment"),
        Decimal(str(total)) / 100 if isinstance(total, int | float) else None,
    )


def pay_bonuses(client: ProlificClient, prepared: PreparedBonuses) -> None:
    """Pay bonuses that are set up. The request is sent once: a repetition would pay again.

    Raises:
        ProlificError: the site refuses it, or did not answer, so that it is unknown whether it paid.
    """
    client.post(f"bulk-bonus-payments/{prepared.id}/pay/", repeats=False)


def _by_id(submissions: Sequence[Submission]) -> dict[str, Submission]:
    """Index submissions by their own IDs and their participants'; the last one of a participant counts."""
    by_participant = {each.participant_id: each for each in submissions}
    return {**by_participant, **{each.id: each for each in submissions}}


def _read_rows(path: Path, n_columns: int, columns: str) -> list[list[str]]:
    text = read_text(path)
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(cell.strip() for cell in row)]
    if rows and rows[0][0].strip().lower() == "id":
        rows = rows[1:]
    if not 1 <= len(rows) <= _MAX_ROWS:
        msg = f"{path} has {len(rows):,} entries; valid: 1 to {_MAX_ROWS:,} lines with {columns}."
        raise TableError(msg)
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        # a list of IDs may be the first column of a larger table
        if len(row) < n_columns or 1 < n_columns < len(row):
            msg = f"{path}, entry {number} has {len(row)} columns; valid: {columns}."
            raise TableError(msg)
        row[0] = _read_id(row[0].strip(), f"{path}, entry {number}: the id")
        if row[0] in seen:
            msg = f"{path} has {row[0]!r} twice; give each ID once."
            raise TableError(msg)
        seen.add(row[0])
    return rows


def _read_id(text: str, what: str) -> str:
    try:
        return require_id(text, what)
    except ProlificError as error:
        raise TableError(str(error)) from error
