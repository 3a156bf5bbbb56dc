"""The kind of device by which a visitor comes: a phone or tablet, or a computer.

Chromium states it in the client hint ``Sec-CH-UA-Mobile``; other browsers in the user agent. Both are claims
of the browser. A tablet that asks for desktop pages, as an iPad does by default, counts as a computer, and
so does a browser that states nothing.
"""

import re

from flask import Request

from rater.study.protocol import Devices

_MAX_READ = 500
_PHONE = re.compile(r"\b(Mobi|Mobile|Android|iPhone|iPad|iPod)", re.IGNORECASE)
_HINTS = {"?1": True, "?0": False}


def is_phone(request: Request) -> bool:
    """Return whether a request states that it comes from a phone or a tablet."""
    agent = request.headers.get("User-Agent", "")[:_MAX_READ]
    is_named = _PHONE.search(agent) is not None
    hint = _HINTS.get(request.headers.get("Sec-CH-UA-Mobile", "").strip())
    # an Android tablet sends ?0 and names Android
    return is_named or bool(hint)


def is_admitted(request: Request, devices: Devices | None) -> bool:
    """Return whether a study admits the device that a request comes from."""
    return devices is None or is_phone(request) == (devices == "phone")
