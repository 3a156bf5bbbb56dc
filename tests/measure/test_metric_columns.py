"""Hold the columns of metrics to a data frame of texts."""

import pandas as pd
import pytest

from rater.errors import StudyError
from rater.measure import count_of, measure, text_metrics


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {"arm": ["a", "b"], "prompt": ["I", "You"], "text": [" love love", " hate"]}, index=[7, 3]
    )


def test_each_metric_is_a_column_and_the_frame_is_not_changed(frame: pd.DataFrame) -> None:
    measured = measure(frame, {"love": count_of(["love"]), "length": lambda texts: map(len, texts)})

    assert list(frame.columns) == ["arm", "prompt", "text"]
    assert measured["love"].to_dict() == {7: 2.0, 3: 0.0}
    assert measured["length"].tolist() == [10.0, 5.0]


def test_a_text_can_be_measured_with_its_prompt(frame: pd.DataFrame) -> None:
    measured = measure(frame, text_metrics(["words"]), with_prompt=True)

    assert measured["words"].tolist() == [3.0, 2.0]


def test_missing_values_are_empty_and_have_their_reasons(frame: pd.DataFrame) -> None:
    measured = measure(frame, text_metrics(["repeated_trigrams"]), with_prompt=True)

    assert measured["repeated_trigrams"].isna().tolist() == [False, True]
    assert measured["repeated_trigrams_reason"].tolist() == ["", "the text has fewer than three words"]


def test_a_column_is_never_replaced(frame: pd.DataFrame) -> None:
    with pytest.raises(StudyError, match="column 'arm' already"):
        measure(frame, {"arm": count_of(["love"])})


def test_a_missing_column_of_texts_is_named(frame: pd.DataFrame) -> None:
    with pytest.raises(StudyError, match="no column 'completion'"):
        measure(frame, {}, text="completion")
