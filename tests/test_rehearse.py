"""Rehearse through the real server with bots, and leave the real databases alone."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from rater.analysis.primary import analyze
from rater.analysis.results import Result
from rater.errors import StateError
from rater.rehearse import Cast, rehearse
from rater.study.study import Study


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.db")}


@pytest.fixture
def generated(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    seal_completions(study)
    return study


def test_bots_that_see_an_effect_are_found_and_real_databases_stay_as_they_are(
    generated: Study, sealed_url: str, tmp_path: Path
) -> None:
    before = digests(tmp_path)

    seen = rehearse(sealed_url, generated.name, Cast(n_raters=6, effect=8, seed=1), say=lambda _: None)

    assert (seen.progress.n_raters, seen.progress.n_finished, seen.progress.n_answers) == (6, 6, 48)
    assert seen.frame["answer"].between(1, 5).all()
    primary = analyze(seen.frame, seen.plan).dimensions[0].primary
    assert isinstance(primary, Result)
    assert primary.estimate > 0  # 0.48 ± 0.12 over booklets, which are dealt from a fresh secret each time
    assert digests(tmp_path) == before


def test_the_made_up_key_is_not_the_real_one(generated: Study, sealed_url: str) -> None:
    seen = rehearse(sealed_url, generated.name, Cast(n_raters=2, effect=0, seed=2), say=lambda _: None)

    # texts were sealed in order of prompt, arm and sample, so that a text's number tells its real arm
    assert set(seen.frame["arm"]) == {"zebra-arm", "walrus-arm"}
    assert len(seen.frame) == 16


def test_a_study_that_was_not_generated_cannot_be_rehearsed(generated: Study, sealed_url: str) -> None:
    with pytest.raises(StateError, match=r"'other' has not been generated yet.*marked_study"):
        rehearse(sealed_url, "other", Cast(n_raters=1, effect=0, seed=0), say=lambda _: None)
