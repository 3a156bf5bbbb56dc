from pathlib import Path
from typing import Any

import pytest

from rater.custody.status import summarise_arms, watch
from rater.errors import StateError
from rater.store.sealed.completions import Cell, KeptCompletion
from rater.study.study import Study
from tests.custody.conftest import NOW


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        ({"nll": 2.4, "repetition": 0.4}, None),
        ({"nll": 2.6}, "the unsteered model finds its tokens less likely by 1.6 nats each"),
        ({"nll": 1.0, "repetition": 0.5}, "50% of its texts' runs of three words stood there before"),
        ({"nll": 1.0, "text": " "}, "100% of its texts are empty"),
        ({"nll": None, "repetition": 0.1}, None),
    ],
    ids=["fine", "gibberish", "loops", "empty", "from a file"],
)
def test_an_arm_that_looks_broken_is_named_with_the_reason(
    study: Study, made: dict[str, Any], reason: str | None
) -> None:
    plain: dict[str, Any] = {"text": " went on", "n_tokens": 2, "stop_reason": "eos", "repetition": 0.0}
    completions = [
        KeptCompletion(1, Cell(0, "zebra-arm", 0), **plain, nll=1.0),
        KeptCompletion(2, Cell(0, "walrus-arm", 0), **{**plain, **made}),
    ]

    unsteered, steered = summarise_arms(study, completions)

    assert unsteered.looks_broken is None
    assert (steered.looks_broken or "").startswith(f"Arm walrus-arm looks broken: {reason}" if reason else "")
    assert (steered.looks_broken is None) == (reason is None)
    assert steered.mean_nll == {**plain, **made}["nll"]


def test_a_published_study_is_not_summarised_by_arm_beside_another_rating_database(
    published: Study, sealed_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StateError, match="was published on 2026-04-01 12:00 UTC, but is not in this rating"):
        watch(f"sqlite:///{tmp_path / 'elsewhere.db'}", sealed_url, published.name, now=NOW)
