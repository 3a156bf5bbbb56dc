"""Hold measured values to the items that raters saw, through a real study."""

from collections.abc import Iterator, Sequence

from rater.measure.metric import Measured, Metric, Unit
from rater.measure.run import measure_study
from rater.measure.text_metrics import text_metrics
from rater.store.engine import disposing
from rater.store.rating.open import open_rating
from rater.study.study import Study
from rater.unblind import permuted
from rater.unblind.join_metrics import join_metrics
from rater.unblind.verify_key import open_seal
from tests.unblind.conftest import change, look


class Judge(Metric):
    """A judge of pairs that prefers the text with the larger number, by how it is shown to raters."""

    kind = "judge"
    n_texts = 2
    dimension = "which"

    @property
    def definition(self) -> dict[str, object]:
        return {"metric": "larger"}

    def measure(self, units: Sequence[Unit]) -> Iterator[tuple[int, Measured]]:
        for index, (first, second) in enumerate(units):
            numbers = [int(each.text.split()[2]) for each in (first, second)]
            yield index, Measured(-1.0 if numbers[0] > numbers[1] else 1.0)


def test_values_are_joined_to_items(rated: Study, sealed_url: str, rating_url: str) -> None:
    measure_study(sealed_url, rated.name, text_metrics()["characters"], name="characters")

    seen = look(sealed_url, rating_url, rated)

    (metric,) = seen.metrics
    assert metric.description == "number of characters"
    assert metric.n_planned == 24
    values = metric.rows.set_index("item")["value"]
    assert values.to_dict() == dict(zip(seen.texts["item"], seen.texts["n_characters"], strict=True))


def test_a_pair_is_turned_to_the_arm_that_comes_first(
    paired: Study, sealed_url: str, rating_url: str
) -> None:
    measure_study(sealed_url, paired.name, Judge(), name="judge")

    seen = look(sealed_url, rating_url, paired)

    (metric,) = seen.metrics
    assert metric.is_pairwise
    assert metric.n_planned == len(metric.rows) == 24
    arms = seen.texts.set_index("item")["arm"]
    assert set(metric.rows["item"].map(arms)) == {"zebra-arm"}
    # the steered arm's numbers are larger in each sample, whichever text was shown first
    assert set(metric.rows["value"]) == {-1.0}
    assert set(metric.rows["is_swapped"]) == {False, True}


def test_values_of_texts_that_changed_since_are_left_out(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    measure_study(sealed_url, rated.name, text_metrics()["characters"], name="characters")
    change(sealed_url, "UPDATE measurement SET shown_hash = 'earlier' WHERE id > 20")

    with disposing(open_rating(rating_url)) as rating:
        (metric,) = join_metrics(open_seal(sealed_url, rating, rated.name))

    assert len(metric.rows) == 20


def test_permuted_arms_come_without_metrics(rated: Study, sealed_url: str, rating_url: str) -> None:
    measure_study(sealed_url, rated.name, text_metrics()["characters"], name="characters")

    assert permuted(sealed_url, rating_url, rated.name).metrics == ()


def test_a_study_that_was_not_measured_has_no_metrics(rated: Study, sealed_url: str, rating_url: str) -> None:
    assert look(sealed_url, rating_url, rated).metrics == ()
