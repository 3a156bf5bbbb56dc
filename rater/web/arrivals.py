"""Read how somebody comes: what a recruitment site added to the link, or the code of a personal one.

Only what the study declares is read; it is carried from page to page until consent, and shown on none.
"""

import re
from collections.abc import Mapping

from werkzeug.datastructures import MultiDict

from rater.store.rating.raters import Arrival
from rater.study.protocol import Protocol

INVITATION = "personal-link"
"""What the code of a personal link is called; no parameter of a recruitment site can be, for the hyphen."""
PREFIX = "arrival."
"""What names in our own forms begin with, so that none is one of the form's own."""

_VALUE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9_-]{8,64}")


def read_arrival(
    sent: MultiDict[str, str], protocol: Protocol, *, prefix: str = "", code: str | None = None
) -> Arrival:
    """Read an arrival from an address or, with a prefix, from our own form; what is malformed is left out."""
    identifiers = {
        name: sent[prefix + name]
        for name in _declared(protocol)
        if _VALUE.fullmatch(sent.get(prefix + name, ""))
    }
    invitation = code or sent.get(prefix + INVITATION, "")
    return Arrival(
        channel="web",
        identifiers=identifiers,
        invitation=invitation if _CODE.fullmatch(invitation) else None,
    )


def write_arrival(arrival: Arrival, *, prefix: str = "") -> Mapping[str, str]:
    """Write an arrival as fields of an address or, with a prefix, of our own form."""
    fields = dict(arrival.identifiers)
    if arrival.invitation is not None:
        fields[INVITATION] = arrival.invitation
    return {prefix + name: value for name, value in fields.items()}


def says_who(arrival: Arrival, protocol: Protocol) -> bool:
    """Say whether an arrival tells one person from another."""
    return arrival.invitation is not None or is_person_known(arrival, protocol)


def is_person_known(arrival: Arrival, protocol: Protocol) -> bool:
    """Say whether the recruitment site said who comes."""
    return protocol.recruitment is not None and protocol.recruitment.person in arrival.identifiers


def _declared(protocol: Protocol) -> tuple[str, ...]:
    if protocol.recruitment is None:
        return ()
    return (protocol.recruitment.person, *protocol.recruitment.keep)
