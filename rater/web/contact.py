"""Show whom raters can ask: a study's contact, with its addresses as links, on error pages too."""

import re
from typing import cast

from flask import current_app, has_request_context, request
from markupsafe import Markup, escape

_EXTENSION = "rater-contacts"
_LINK = re.compile(r"(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<url>https?://[^\s<>\"']+[^\s<>\"'.,;:!?)])")


def remember_contact(slug: str, contact: str | None) -> None:
    """Keep a study's contact for error pages, which cannot rely on the database."""
    _contacts()[slug] = contact


def contact_of_request() -> str | None:
    """Return the contact of the study whose page was asked for, as far as it was read before."""
    if not has_request_context():
        return None
    return _contacts().get(str((request.view_args or {}).get("slug", "")))


def link_contact(contact: str | None) -> Markup | None:
    """Render a contact with its mail and web addresses as links."""
    if contact is None:
        return None
    parts, end = [], 0
    for found in _LINK.finditer(contact):
        parts.append(escape(contact[end : found.start()]))
        address = f"mailto:{found['mail']}" if found["mail"] else found["url"]
        parts.append(Markup('<a href="{}" rel="external noopener">{}</a>').format(address, found[0]))
        end = found.end()
    return Markup("").join([*parts, escape(contact[end:])])


def _contacts() -> dict[str, str | None]:
    return cast("dict[str, str | None]", current_app.extensions.setdefault(_EXTENSION, {}))
