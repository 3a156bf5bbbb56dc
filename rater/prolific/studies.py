"""Draft a study on Prolific from a published study, and change the state of a study there."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from rater.prolific.client import ProlificClient, ProlificError, require_id
from rater.store.rating.monitoring import with_shown_length
from rater.store.rating.raters import read_usual_offer
from rater.store.rating.studies import PublishedStudy
from rater.study.duration import stated_minutes
from rater.study.protocol import Protocol
from rater.study.recruitment_sites import Site, outcome_codes, site_of, study_link

_MAX_PLACES = 10_000
_MAX_REWARD = Decimal(1_000)
_MANUAL = {"action": "MANUALLY_REVIEW"}
_RETURN = {"action": "REQUEST_RETURN", "return_reason": "You did not agree to take part in the study."}
_CODE_TYPES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "finished": ("COMPLETED", _MANUAL),
    "failed_checks": ("FAILED_ATTENTION_CHECK", _MANUAL),
    "declined": ("NO_CONSENT", _RETURN),
}
"""By outcome, the type of its code on Prolific and what the site does; others are reviewed by hand."""


class Device(StrEnum):
    """A kind of device for which a study is offered."""

    DESKTOP = "desktop"
    TABLET = "tablet"
    MOBILE = "mobile"


class StudyAction(StrEnum):
    """A change of a study's state on Prolific."""

    PUBLISH = "PUBLISH"
    PAUSE = "PAUSE"
    START = "START"
    STOP = "STOP"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A study to create on Prolific; it is offered to nobody until it is published there."""

    name: str
    internal_name: str
    description: str
    link: str
    n_places: int
    minutes: int
    reward: Decimal
    """Payment per participant, in the account's currency."""
    codes: tuple[Mapping[str, Any], ...]
    devices: tuple[Device, ...] = ()
    """The devices for which it is offered; all if empty."""

    @property
    def reward_in_cents(self) -> int:
        """The payment in hundredths of the currency, as the interface expects it."""
        return int(self.reward * 100)

    @property
    def per_hour(self) -> Decimal:
        """The payment per hour that payment and minutes imply."""
        return (self.reward * 60 / self.minutes).quantize(Decimal("0.01"))

    def as_payload(self) -> dict[str, Any]:
        """Return the object that the interface expects."""
        return {
            "name": self.name,
            "internal_name": self.internal_name,
            "description": self.description,
            "external_study_url": self.link,
            "prolific_id_option": "url_parameters",
            "completion_codes": [dict(code) for code in self.codes],
            "total_available_places": self.n_places,
            "estimated_completion_time": self.minutes,
            "reward": self.reward_in_cents,
            "device_compatibility": [device.value for device in self.devices],
            "submissions_config": {"max_submissions_per_participant": 1},
        }

    def describe(self) -> list[str]:
        """Describe the draft in lines."""
        return [
            f"Title: {self.name}",
            f"Link: {self.link}",
            f"Places: {self.n_places:,}",
            f"Minutes: {self.minutes}",
            f"Reward: {self.reward:.2f} per participant, which is {self.per_hour} per hour",
            f"Rewards in all: {self.reward * self.n_places:,.2f}, without Prolific's fee and taxes",
            f"Devices: {', '.join(self.devices) or 'all'}",
            *(f"Code {code['code']}: {_describe_code(code)}" for code in self.codes),
        ]


@dataclass(frozen=True, kw_only=True)
class DraftOptions:
    """The settings of a draft that the study does not declare."""

    n_places: int
    reward: Decimal
    description: str = ""
    """The description for participants; by default a sentence with the number of trials and minutes."""
    devices: tuple[Device, ...] = ()
    approves_finished: bool = False
    """Approve and pay participants with the code of `finished` automatically."""


def draft_study(
    protocol: Protocol, address: str, options: DraftOptions, *, name: str, minutes: int, n_trials: int
) -> Draft:
    """Draft a study from its protocol.

    Args:
        protocol: The study.
        address: The study's public address, without parameters.
        options: The settings that the study does not declare.
        name: The study's name on the command line, which becomes the internal name.
        minutes: The minutes that raters are shown.
        n_trials: The number of trials in a booklet.

    Raises:
        ProlificError: the study does not declare Prolific, its address is not https, it has no code for
            `finished`, or a setting is not valid.
    """
    if site_of(protocol) is not Site.PROLIFIC:
        msg = f"recruitment of {name} is {site_of(protocol)}; valid: recruitment=PROLIFIC in the study file."
        raise ProlificError(msg)
    if urlsplit(address).scheme != "https":
        msg = f"--address gives the link {address!r}; valid: an https address, which Prolific requires."
        raise ProlificError(msg)
    if not 1 <= options.n_places <= _MAX_PLACES:
        msg = f"--places is {options.n_places:,}; valid: 1 to {_MAX_PLACES:,}."
        raise ProlificError(msg)
    codes = _codes(protocol, approves_finished=options.approves_finished)
    if protocol.endings.finished.code is None:
        msg = (
            f"endings.finished of {name} has no code; valid: a code of your choice in the study file, which "
            "becomes a completion code of the draft."
        )
        raise ProlificError(msg)
    noun = protocol.trial_noun
    usual = (
        f"Read {n_trials} {noun}{'s' * (n_trials != 1)} and answer questions about them. "
        f"About {minutes} minutes."
    )
    return Draft(
        name=protocol.title,
        internal_name=name,
        description=options.description.strip() or usual,
        link=study_link(protocol, address),
        n_places=options.n_places,
        minutes=minutes,
        reward=require_amount(options.reward, "--reward", most=_MAX_REWARD),
        codes=codes,
        devices=options.devices,
    )


def draft_published(
    session: Session, published: PublishedStudy, address: str, options: DraftOptions
) -> Draft:
    """Draft a published study, with the size of its booklets. Costs up to five queries.

    Args:
        session: The rating database.
        published: The study.
        address: The public address of the server.
        options: The settings that the study does not declare.

    Raises:
        ProlificError: as for `draft_study`; or the study has no booklet.
    """
    offer = read_usual_offer(session, published.id)
    if offer is None:
        msg = f"The study {published.name} has no booklet; valid: a study that was published with texts."
        raise ProlificError(msg)
    offer = with_shown_length(session, published, offer)
    minutes = stated_minutes(
        published.protocol,
        n_trials=offer.n_trials,
        characters_per_text=offer.mean_characters,
        asks_all=offer.asks_all,
    )
    return draft_study(
        published.protocol,
        f"{address.rstrip('/')}/s/{published.slug}",
        options,
        name=published.name,
        minutes=minutes,
        n_trials=offer.n_trials,
    )


def require_amount(amount: Decimal, what: str, *, most: Decimal) -> Decimal:
    """Return an amount of money if it is positive, has at most two decimals and is not too large.

    Raises:
        ProlificError: it is not.
    """
    if not amount.is_finite() or not 0 < amount <= most or amount != round(amount, 2):
        msg = f"{what} is {amount}; valid: an amount such as 2.50, with two decimals, up to {most:,}."
        raise ProlificError(msg)
    return amount


def create_draft(client: ProlificClient, draft: Draft) -> str:
    """Create a draft on Prolific, and return its id.

    Raises:
        ProlificError: the site refuses it, or returns no id.
    """
    created = client.post("studies/", draft.as_payload(), repeats=False)
    return require_id(str(created.get("id", "")), "The id of the created study")


def read_study(client: ProlificClient, study_id: str) -> dict[str, Any]:
    """Read a study from Prolific.

    Raises:
        ProlificError: the site refuses the request.
    """
    return client.get(f"studies/{require_id(study_id, '--id')}/")


def describe_study(study: Mapping[str, Any]) -> list[str]:
    """Describe a study of Prolific in lines: title, state, places, reward and cost, as far as it has them."""
    currency = study.get("currency_code") or ""
    lines = [f"Title: {study.get('name', 'unknown')}", f"State: {study.get('status', 'unknown')}"]
    if isinstance(study.get("total_available_places"), int):
        lines.append(f"Places: {study.get('places_taken') or 0} taken of {study['total_available_places']}")
    for label, key in (("Reward", "reward"), ("Total cost", "total_cost")):
        if isinstance(study.get(key), int | float):
            lines.append(f"{label}: {study[key] / 100:,.2f} {currency}".rstrip())
    return lines


def change_state(client: ProlificClient, study_id: str, action: StudyAction) -> str:
    """Change the state of a study on Prolific, and return the state that it reports.

    Raises:
        ProlificError: the site refuses the change.
    """
    path = f"studies/{require_id(study_id, '--id')}/transition/"
    return str(client.post(path, {"action": action.value}, repeats=False).get("status", "unknown"))


def _codes(protocol: Protocol, *, approves_finished: bool) -> tuple[Mapping[str, Any], ...]:
    """List the completion codes; a code that several outcomes share is sent once, since codes are unique."""
    codes: dict[str, Mapping[str, Any]] = {}
    for each in outcome_codes(protocol):
        code_type, action = _CODE_TYPES.get(each.outcome, ("OTHER", _MANUAL))
        if each.outcome == "finished" and approves_finished:
            action = {"action": "AUTOMATICALLY_APPROVE"}
        if each.code is not None and each.code not in codes:
            codes[each.code] = {"code": each.code, "code_type": code_type, "actions": [dict(action)]}
    return tuple(codes.values())


def _describe_code(code: Mapping[str, Any]) -> str:
    actions = {
        "AUTOMATICALLY_APPROVE": "approved and paid automatically",
        "MANUALLY_REVIEW": "reviewed by hand",
        "REQUEST_RETURN": "asked to return the submission, without pay",
    }
    return f"{code['code_type']}, {actions[code['actions'][0]['action']]}"
