from collections.abc import Callable

import pytest
from click.testing import CliRunner

from rater.cli.publish import publish
from rater.study.study import Study


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "Next: rater serve\n"),
        (
            {"invited_only": True},
            "Next: rater invite marked_study --n 20 --csv links.csv, and then: rater serve\n",
        ),
    ],
)
def test_what_comes_next_lets_raters_in(
    study: Study,
    seal_completions: Callable[[Study], None],
    sealed_url: str,
    rating_url: str,
    changes: dict[str, object],
    said: str,
) -> None:
    study = study.model_copy(update=changes)
    seal_completions(study)

    done = CliRunner().invoke(publish, [study.name, "--sealed", sealed_url, "--ratings", rating_url])

    assert done.exit_code == 0
    assert done.stdout.endswith(said)
