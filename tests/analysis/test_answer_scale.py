import numpy as np
import pytest

from rater.analysis.answer_scale import Judged, Numbers, Preferences, Rated, is_valid
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Number, Pairwise, Scale


def asked(scale: Scale) -> Dimension:
    return Dimension(name="a", question="?", scale=scale)


@pytest.mark.parametrize(
    ("judged", "valid"),
    [
        (asked(Likert(low="a", high="b")), [1, 2]),
        (
            Dimension(name="a", question="?", scale=Number(minimum=-1, step=0.5, maximum=2)),
            [-1, 0, 1, 1.5, 2],
        ),
        (asked(Pairwise()), [-1, 1]),
        (Rated("a", "?", Preferences()), [-1, 0, 1]),
        (Rated("a", "?", Numbers(0, 1.7)), [0, 1, 1.5]),
    ],
)
def test_answers_off_the_scale_are_not_valid(judged: Judged, valid: list[float]) -> None:
    answers = np.array([2.0, 1.5, np.nan, -1.0, 0.0, np.inf, 1.0, 99.25, 1.0])

    assert sorted(set(answers[is_valid(answers, judged)].tolist())) == valid
