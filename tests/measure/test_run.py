"""Hold runs of a metric over a study to storage, resumption and the log."""

from collections.abc import Callable, Iterator, Sequence

import pytest

from rater.errors import NotGeneratedError, StateError, StudyError
from rater.measure.metric import FunctionMetric, Measured, Metric, TextMetric, Unit
from rater.measure.run import MetricSummary, measure_study, summarise_metrics
from rater.measure.text_metrics import count_of, text_metrics
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.sealed.completions import digest_completions
from rater.store.sealed.measurements import read_measurements, read_metrics
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.study.study import Study
from tests.verify.tamper import file_of

N_TEXTS = 24


@pytest.fixture
def generated(study: Study, seal_completions: Callable[[Study], None]) -> Study:
    seal_completions(study)
    return study


def stored(sealed_url: str, name: str) -> dict[int, float | None]:
    with disposing(open_sealed(sealed_url)) as engine, reading(engine) as session:
        metric = next(each for each in read_metrics(session, 1) if each.name == name)
        return {each.texts.first: each.value for each in read_measurements(session, metric.id)}


class Interrupted(Metric):
    """A metric that fails after some texts, and remembers the texts that it was given."""

    kind = "function"

    def __init__(self, n: int) -> None:
        self.n, self.seen = n, list[str]()

    @property
    def definition(self) -> dict[str, object]:
        return {"metric": "interrupted"}

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        for index, unit in enumerate(units):
            if index == self.n:
                raise KeyboardInterrupt
            self.seen.append(unit[0].text)
            yield index, Measured(float(index))


def test_every_text_gets_a_value(generated: Study, sealed_url: str) -> None:
    summary = measure_study(sealed_url, generated.name, text_metrics()["words"], name="words")

    assert (summary.n_planned, summary.n_values, summary.n_new) == (N_TEXTS, N_TEXTS, N_TEXTS)
    assert summary.is_complete
    assert set(stored(sealed_url, "words").values()) == {4.0}


def test_a_stopped_run_is_continued_in_the_same_order(generated: Study, sealed_url: str) -> None:
    first, second = Interrupted(10), Interrupted(99)
    with pytest.raises(KeyboardInterrupt):
        measure_study(sealed_url, generated.name, first, name="slow")
    assert len(stored(sealed_url, "slow")) == 10

    summary = measure_study(sealed_url, generated.name, second, name="slow")

    assert (summary.n_new, summary.n_values) == (14, N_TEXTS)
    assert not {*first.seen} & {*second.seen}
    assert first.seen + second.seen != sorted(first.seen + second.seen)


def test_a_run_can_be_limited(generated: Study, sealed_url: str) -> None:
    summary = measure_study(sealed_url, generated.name, Interrupted(99), name="slow", limit=5)

    assert (summary.n_new, summary.is_complete) == (5, False)
    assert [each.n_values for each in summarise_metrics(sealed_url, generated.name)] == [5]


def test_texts_without_a_value_are_counted_by_reason(generated: Study, sealed_url: str) -> None:
    short = TextMetric(lambda text: 1.0 if "7" in text else "no seven", "sevens")

    summary = measure_study(sealed_url, generated.name, short, name="sevens")

    assert (summary.n_values, dict(summary.failed)) == (2, {"no seven": 22})
    assert summary.is_complete


def test_a_name_means_one_definition(generated: Study, sealed_url: str) -> None:
    measure_study(sealed_url, generated.name, count_of(["love"]), name="count")

    with pytest.raises(StateError, match=r"its words is \['love'\], not \['hate'\]"):
        measure_study(sealed_url, generated.name, count_of(["hate"]), name="count")
    with pytest.raises(StateError, match="its kind is 'words', not 'function'"):
        measure_study(sealed_url, generated.name, Interrupted(1), name="count")


def test_what_fails_keeps_what_was_measured_before(generated: Study, sealed_url: str) -> None:
    def fail(texts: list[str]) -> list[int]:
        raise ValueError(texts[0])

    with pytest.raises(StudyError, match="failed: ValueError"):
        measure_study(sealed_url, generated.name, FunctionMetric(fail, "bad"), name="bad")

    assert stored(sealed_url, "bad") == {}


def test_a_study_that_was_not_generated_cannot_be_measured(sealed_url: str) -> None:
    with pytest.raises(NotGeneratedError):
        measure_study(sealed_url, "another", count_of(["love"]), name="count")


def test_each_run_is_logged_and_no_completion_changes(generated: Study, sealed_url: str) -> None:
    def digest() -> str:
        with disposing(open_sealed(sealed_url)) as engine, reading(engine) as session:
            return digest_completions(session, 1, salt="salt")

    before = digest()
    measure_study(sealed_url, generated.name, count_of(["love"]), name="count", limit=3)
    measure_study(sealed_url, generated.name, count_of(["love"]), name="count")
    measure_study(sealed_url, generated.name, count_of(["love"]), name="count")  # nothing is left to do

    with disposing(open_sealed(sealed_url)) as engine, reading(engine) as session:
        events = [e.detail for e in read_events(session, SealedEventRow, 1) if e.kind == "measured"]
    assert digest() == before
    assert [event.get("n") for event in events] == [None, 3, N_TEXTS]


def test_progress_ends_with_the_number_of_texts(generated: Study, sealed_url: str) -> None:
    shown: list[tuple[int, int]] = []

    measure_study(
        sealed_url,
        generated.name,
        count_of(["love"]),
        name="count",
        progress=lambda *each: shown.append(each),
    )

    assert shown[-1] == (N_TEXTS, N_TEXTS)


def test_a_summary_counts_pairs_in_both_orders(generated: Study, sealed_url: str) -> None:
    pairs = Interrupted(99)
    pairs.n_texts = 2

    summary = measure_study(sealed_url, generated.name, pairs, name="pairs", repeats=2)

    assert isinstance(summary, MetricSummary)
    assert summary.n_planned == summary.n_values == 4 * 3 * 2 * 2
    assert [each.n_planned for each in summarise_metrics(sealed_url, generated.name)] == [48]


def test_measuring_a_published_study_does_not_touch_the_ratings(
    study_in_progress: Study, sealed_url: str, rating_url: str
) -> None:
    before = file_of(rating_url).read_bytes()

    measure_study(sealed_url, study_in_progress.name, count_of(["fell"]), name="fell")

    assert file_of(rating_url).read_bytes() == before


def test_a_metric_is_a_function_of_texts() -> None:
    assert count_of(["love"])(["love love", "hate"]) == [2.0, 0.0]
    assert text_metrics(["repeated_trigrams"])["repeated_trigrams"](["one"]) == [None]
