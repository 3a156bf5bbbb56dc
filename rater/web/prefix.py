"""Serve under a path of a host that has other things too, such as ``/rater`` of a university's web server.

A proxy may hand on the whole path or cut the prefix off; both work. The prefix is that of ``--prefix`` or,
where proxies are trusted, the one that they send as ``X-Forwarded-Prefix``. WSGI calls it ``SCRIPT_NAME``:
links, redirects, cookies and static files follow it.
"""

import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from rater.errors import RaterError

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_HEADER = "HTTP_X_FORWARDED_PREFIX"


def read_prefix(written: str) -> str:
    """Return a prefix without a slash at its end; empty for none.

    Raises:
        RaterError: it is not a path that a browser's address could have.
    """
    prefix = written.strip().rstrip("/")
    if prefix and not _is_path(prefix):
        msg = (
            f"--prefix is {written!r}; valid: the path under which raters reach the server, such as /rater, "
            "of letters, digits and . _ ~ -"
        )
        raise RaterError(msg)
    return prefix


class Prefixed:
    """A WSGI app around another that is reached under a prefix."""

    def __init__(self, app: WSGIApplication, *, prefix: str, trusts_header: bool) -> None:
        """Put an app under a prefix.

        Args:
            app: What is called.
            prefix: The prefix, without a slash at its end; empty for none.
            trusts_header: Whether, without a prefix, that of the last proxy counts.
        """
        self._app = app
        self._prefix = prefix
        self._trusts_header = trusts_header

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request as the app does, with the prefix in every address."""
        prefix = self._prefix or self._forwarded(environ)
        if prefix:
            path = environ["PATH_INFO"]
            if path == prefix or path.startswith(f"{prefix}/"):
                environ["PATH_INFO"] = path.removeprefix(prefix) or "/"
            environ["SCRIPT_NAME"] = prefix
        return self._app(environ, start_response)

    def _forwarded(self, environ: WSGIEnvironment) -> str:
        if not self._trusts_header:
            return ""
        last = environ.get(_HEADER, "").rpartition(",")[2].strip().rstrip("/")
        return last if _is_path(last) else ""


def _is_path(prefix: str) -> bool:
    return bool(_PREFIX.fullmatch(prefix)) and not {".", ".."} & set(prefix.split("/"))
