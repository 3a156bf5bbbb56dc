"""Lists to paste into a recruitment site: whom to approve, reject or return, and bonuses. Pure data.

Each participant with an ID is in exactly one list, by their status alone; a bonus is paid to approved ones.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from rater.store.rating.export import ExportTable
from rater.store.rating.participants import Participant
from rater.store.rating.statuses import RaterStatus
from rater.study.bonus import Bonus
from rater.study.protocol import Protocol
from rater.study.visit import FreedReason


class Payment(StrEnum):
    """The list that a participant is in."""

    APPROVE = "approve"
    REJECT = "reject"
    RETURN = "return"
    """The submission is to be returned by the participant, or times out; the site pays as agreed."""
    WAIT = "wait"
    """They may still finish."""


class Reasoned(NamedTuple):
    """A participant with the reason why they are in a list."""

    participant_id: str
    reason: str


class BonusPayment(NamedTuple):
    """A participant's bonus."""

    participant_id: str
    amount: Decimal


@dataclass(frozen=True)
class PaymentLists:
    """The lists of one study."""

    approve: tuple[str, ...]
    reject: tuple[Reasoned, ...]
    give_back: tuple[Reasoned, ...]
    """To be returned, or timed out."""
    wait: tuple[Reasoned, ...]
    bonus: tuple[BonusPayment, ...]
    """Empty if the study declares no bonus."""
    n_unnamed: int
    """Raters without an ID of the recruitment site, who are in no list."""

    @property
    def bonus_lines(self) -> tuple[str, ...]:
        """The lines that sites read: ID, comma, amount with two decimals."""
        return tuple(f"{each.participant_id},{each.amount:.2f}" for each in self.bonus)


_LISTS = {
    RaterStatus.FINISHED: Payment.APPROVE,
    RaterStatus.SURPLUS: Payment.APPROVE,
    RaterStatus.FAILED_CHECKS: Payment.REJECT,
    RaterStatus.UNDER_WAY: Payment.WAIT,
    RaterStatus.SILENT: Payment.WAIT,
}


def payment_of(status: RaterStatus, *, has_further: bool = False) -> Payment:
    """Return the list that participants of a status are in.

    A further booklet is offered only after a finished one, which was shown its code. So raters with one are
    approved, also if they withdrew their answers later.
    """
    if has_further and status is RaterStatus.WITHDRAWN:
        return Payment.APPROVE
    return _LISTS.get(status, Payment.RETURN)


def _payment_of(participant: Participant) -> Payment:
    return payment_of(participant.status, has_further=bool(participant.further))


def _bonus_amount(participant: Participant, bonus: Bonus) -> Decimal:
    return bonus.amount(
        n_checks_passed=participant.n_paid_checks_passed, n_extra_booklets=participant.n_extra_booklets
    )


def make_payment_lists(participants: Iterable[Participant], bonus: Bonus | None) -> PaymentLists:
    """Sort participants into the lists, in the order given."""
    lists: dict[Payment, list[Reasoned]] = {payment: [] for payment in Payment}
    bonuses, n_unnamed = [], 0
    for each in participants:
        payment = _payment_of(each)
        if each.participant_id is None:
            n_unnamed += 1
            continue
        lists[payment].append(Reasoned(each.participant_id, describe_reason(each)))
        if bonus is not None and payment is Payment.APPROVE:
            amount = _bonus_amount(each, bonus)
            if amount:
                bonuses.append(BonusPayment(each.participant_id, amount))
    return PaymentLists(
        approve=tuple(each.participant_id for each in lists[Payment.APPROVE]),
        reject=tuple(lists[Payment.REJECT]),
        give_back=tuple(lists[Payment.RETURN]),
        wait=tuple(lists[Payment.WAIT]),
        bonus=tuple(bonuses),
        n_unnamed=n_unnamed,
    )


def participant_table(participants: Sequence[Participant], protocol: Protocol) -> ExportTable:
    """Return the participants as a table, with a column for each declared parameter of the link."""
    others = protocol.recruitment.other_parameters if protocol.recruitment else ()
    columns = (*_BEFORE, *others, *_AFTER)
    rows = [
        (
            each.participant_id,
            each.rater_id,
            *(each.other_identifiers.get(name) for name in others),
            each.label,
            each.status.value,
            _payment_of(each).value,
            describe_reason(each),
            "; ".join(each.further),
            each.code,
            each.consented_at,
            each.last_seen_at,
            round(each.minutes, 1),
            each.n_answered,
            each.n_trials,
            each.n_checks,
            each.n_checks_passed,
            "; ".join(f"{flag}: {numbers}" for flag, numbers in each.flags.items()),
            _bonus_of(each, protocol.bonus),
            each.comment,
        )
        for each in participants
    ]
    return ExportTable(columns, list(rows))


_BEFORE = ("participant_id", "rater")
_AFTER = (
    "label",
    "status",
    "list",
    "reason",
    "further_booklets",
    "code",
    "consented_at",
    "last_seen_at",
    "minutes",
    "n_rated",
    "n_texts",
    "n_checks",
    "n_checks_passed",
    "flags",
    "bonus",
    "comment",
)


def _bonus_of(participant: Participant, bonus: Bonus | None) -> str | None:
    if bonus is None or _payment_of(participant) is not Payment.APPROVE:
        return None
    return f"{_bonus_amount(participant, bonus):.2f}"


def describe_reason(participant: Participant) -> str:
    """Describe in words for the participant's own eyes why they are in their list."""
    if participant.status is RaterStatus.FAILED_CHECKS:
        n_failed = participant.n_checks - participant.n_checks_passed
        return f"Failed {n_failed} of {participant.n_checks} attention checks"
    if participant.status is RaterStatus.REPLACED and participant.replaced_why is not None:
        return _REPLACED[participant.replaced_why]
    return _REASONS[participant.status]


_REPLACED = {
    FreedReason.INACTIVE: "Inactive for too long",
    FreedReason.BY_HAND: "The place was freed by a researcher",
    FreedReason.RETURNED: "Returned on the recruitment site",
    FreedReason.TIMED_OUT: "Timed out on the recruitment site",
    FreedReason.REJECTED: "Rejected on the recruitment site",
    FreedReason.FAILED_CHECKS: "Failed attention checks",
}
_REASONS = {
    RaterStatus.FINISHED: "Finished",
    RaterStatus.SURPLUS: "Finished after the place was freed",
    RaterStatus.UNDER_WAY: "Under way",
    RaterStatus.SILENT: "No answer for 40 minutes; may come back",
    RaterStatus.UNFINISHED: "Did not finish before the study was closed",
    RaterStatus.STOPPED: "Stopped before the end",
    RaterStatus.WITHDRAWN: "Withdrew",
    RaterStatus.SCREENED_OUT: "Not eligible by the screening questions",
    RaterStatus.FAILED_PRACTICE: "Did not pass the practice",
    RaterStatus.OVER_QUOTA: "Enough participants of their group had taken part",
    RaterStatus.REPLACED: "The place was freed",
    RaterStatus.FAILED_CHECKS: "Failed attention checks",
}
