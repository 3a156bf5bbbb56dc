"""Give the tests of commands a study that was generated, and one that is open."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rater.study.design import Plan
from rater.study.study import Study
from tests.unblind.conftest import publish


@pytest.fixture
def generated(tmp_path: Path, study: Study, seal_completions: Callable[[Study], None]) -> Study:
    """A generated study in ``tmp_path``, whose databases the options below name; few pages to audit."""
    small = study.model_copy(update={"plan": Plan(raters=2)})
    seal_completions(small)
    return small


@pytest.fixture
def opened(generated: Study, sealed_url: str, rating_url: str) -> Study:
    """That study, published and open: without the audit, which takes most of the command's time."""
    publish(generated, sealed_url, rating_url)
    return generated
