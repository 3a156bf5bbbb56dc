from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rater.rehearse.temp_databases import publish_temp_study, read_study_texts
from rater.study.study import Study


@pytest.fixture
def generated(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    seal_completions(study)
    return study


def test_the_made_up_key_is_not_the_real_one(generated: Study, sealed_url: str, tmp_path: Path) -> None:
    texts, folder = read_study_texts(sealed_url, generated.name, None), tmp_path / "temporary"

    synthetic_key = publish_temp_study(folder, texts, np.random.default_rng(2)).synthetic_key

    # texts were sealed in order of prompt, arm and sample, so that each kept its own cell
    moved = [cell != kept.cell for cell, kept in synthetic_key]
    assert sum(moved) > len(moved) / 2
    assert {kept.text for _, kept in synthetic_key} == {completion.text for completion in texts.completions}
