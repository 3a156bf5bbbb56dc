"""Give the sealed store's tests a sealed database on each dialect."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from rater.store.sealed.open import create_sealed


@pytest.fixture
def sealed(sealed_url: str) -> Iterator[Engine]:
    engine = create_sealed(sealed_url)
    yield engine
    engine.dispose()
