"""Read how somebody comes: what a recruitment site added to the link, or the code of a personal one.

Only what the study declares is read; it is carried from page to page until consent, and shown on none.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from rater.names import Unnamed, normalise_name, why_unnamed
from rater.store.rating.raters import Arrival
from rater.study.protocol import Protocol

INVITATION = "personal-link"
"""The parameter of a personal link's code; recruitment parameters cannot contain its hyphen."""
PREFIX = "arrival."
"""The prefix of names in our forms, so that none collides with a field of the form."""

_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9_-]{8,64}")
_MAX_SENT = 2_000


@dataclass(frozen=True)
class RecruitmentLink:
    """The parameters of a recruitment link."""

    arrival: Arrival = field(default_factory=lambda: Arrival("web"))
    unnamed: Mapping[str, Unnamed] = field(default_factory=dict)
    """Declared parameters that name nobody, with the reason; one that is not there only if it is required."""


def read_link(
    sent: MultiDict[str, str], protocol: Protocol, *, prefix: str = "", code: str | None = None
) -> RecruitmentLink:
    """Read a link from an address or, with a prefix, from our own form; what names nobody is left out."""
    identifiers, unnamed = {}, {}
    recruitment = protocol.recruitment
    required = recruitment.participant_id if recruitment and recruitment.required else None
    for name in recruitment.parameters if recruitment else ():
        values = sent.getlist(prefix + name)
        found = [_read_identifier(value, name, protocol) for value in values]
        # a site that adds its own values to a link leaves what the experimenter wrote there before
        named = next((each for each in found if not isinstance(each, Unnamed)), None)
        if named is not None:
            identifiers[name] = named
        elif values:
            unnamed[name] = Unnamed(found[0])
        elif name == required:
            unnamed[name] = Unnamed.ABSENT
    invitation = code or sent.get(prefix + INVITATION, "")
    arrival = Arrival(
        channel="web",
        identifiers=identifiers,
        invitation=invitation if _CODE.fullmatch(invitation) else None,
    )
    return RecruitmentLink(arrival, unnamed)


def _read_identifier(value: str, name: str, protocol: Protocol) -> str | Unnamed:
    """Return an identifier in the form by which it is compared, or why it names nobody."""
    reason = why_unnamed(value[:_MAX_SENT], parameter=name)
    if reason is not None:
        return reason
    identifier = normalise_name(value)
    if not _VALUE.fullmatch(identifier):
        return Unnamed.MALFORMED
    recruitment = protocol.recruitment
    pattern = recruitment.pattern if recruitment and name == recruitment.participant_id else None
    return identifier if pattern is None or re.fullmatch(pattern, identifier) else Unnamed.MALFORMED


def write_arrival(arrival: Arrival, *, prefix: str = "") -> Mapping[str, str]:
    """Write an arrival as fields of an address or, with a prefix, of our own form."""
    fields = dict(arrival.identifiers)
    if arrival.invitation is not None:
        fields[INVITATION] = arrival.invitation
    return {prefix + name: value for name, value in fields.items()}


def identifies_person(arrival: Arrival, protocol: Protocol) -> bool:
    """Return whether an arrival tells one person from another."""
    return arrival.invitation is not None or is_person_known(arrival, protocol)


def is_person_known(arrival: Arrival, protocol: Protocol) -> bool:
    """Return whether the recruitment site identified the visitor."""
    return protocol.recruitment is not None and protocol.recruitment.participant_id in arrival.identifiers
