"""Give tests of a deployment the app of the web tests."""

from tests.web.conftest import app, client, clock, slug

__all__ = ["app", "client", "clock", "slug"]
