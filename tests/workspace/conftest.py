"""A published study in a workspace, and simulated raters who rate it."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from rater.bots.behaviours import Asked
from rater.bots.clients import rate_in_store
from rater.store.engine import disposing
from rater.store.rating.open import open_rating
from rater.study.study import Study
from rater.workspace import Workspace

NOW = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture
def workspace(sealed_url: str, rating_url: str) -> Workspace:
    return Workspace(rating=rating_url, sealed=sealed_url)


@pytest.fixture
def published(workspace: Workspace, study: Study, seal_completions: Callable[[Study], None]) -> str:
    """A study that is open to raters, published without the seconds that an audit takes."""
    seal_completions(study)
    workspace.publish(study.name, audit=lambda _: ())
    return study.name


def rate(workspace: Workspace, name: str, n_raters: int) -> None:
    """Let simulated raters rate; which number they choose depends on the text alone."""
    rng = np.random.default_rng(1)

    def judge(asked: Asked) -> float:
        return asked.values[len(asked.texts[0]) % len(asked.values)]

    with disposing(open_rating(workspace.rating_url)) as engine:
        published = workspace.get_published(name)
        for _ in range(n_raters):
            rate_in_store(engine, published, character="effect", judge=judge, rng=rng, now=NOW)
