"""Give the tests of verification the study of custody's tests, and the PostgreSQL server of the store's."""

from tests.admin.conftest import asking, closed, once, opened, published, rated, run
from tests.store.conftest import postgresql

__all__ = ["asking", "closed", "once", "opened", "postgresql", "published", "rated", "run"]
