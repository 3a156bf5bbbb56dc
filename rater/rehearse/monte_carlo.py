"""Rehearse a study many times: the same texts, each time with a new synthetic key, new booklets and new bots.

Bots rate in the store here and not on the pages, which would take a second each. Booklets, seal, unblinding,
exclusions and the planned test are the real ones.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from rater.analysis.answer_scale import is_pairwise
from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.crossed import compare
from rater.analysis.exclusions import exclude, excluded_raters
from rater.analysis.results import Outcome, Result
from rater.analysis.scope import make_tests
from rater.bots.store_client import rate_in_store
from rater.rehearse.response_model import SimulatedRaters, make_judges, make_response_model
from rater.rehearse.temp_databases import StudyTexts, TempStudy, now, publish_temp_study, read_study_texts
from rater.store.engine import disposing
from rater.store.rating.open import create_rating
from rater.store.sealed.open import create_sealed
from rater.study.study import Study
from rater.temp_files import temporary_folder
from rater.unblind import Joined, Reason, unblind

_CONFIDENCE = 0.99


class Detection(NamedTuple):
    """The result of the planned test in one rehearsal."""

    is_different: bool
    """True if it found a difference in the direction of the effect, or in any direction without an effect."""
    outcome: Outcome


@dataclass(frozen=True)
class DetectionRate:
    """The share of rehearsals in which the planned test found a difference."""

    n_found: int
    n: int
    n_not_estimable: int
    low: float
    """Ends of a 99 % confidence interval (Clopper and Pearson, 1934)."""
    high: float

    @property
    def share(self) -> float:
        """The share of rehearsals with a difference."""
        return self.n_found / self.n


def rehearse_many(
    sealed_url: str, name: str, simulated: SimulatedRaters, times: int, *, progress: Callable[[str], None]
) -> DetectionRate:
    """Rehearse a generated study many times; takes a fraction of a second each.

    Raises:
        StateError: the study is not wholly generated.
        StudyError: the simulated does not fit it.
    """
    texts = read_study_texts(sealed_url, name, simulated.n_raters)
    outcomes = []
    with temporary_folder("rater-rehearsals-") as folder:
        empty = folder / "empty"
        _make_empty(empty)
        for number, rng in enumerate(np.random.default_rng(simulated.seed).spawn(times), start=1):
            own = folder / "one"
            shutil.copytree(empty, own)
            outcomes.append(_rehearse_one(own, texts, simulated, rng))
            shutil.rmtree(own)
            if number % 20 == 0:
                progress(f"{number} of {times} rehearsals …")
    return _count([judge_outcome(outcome, simulated.effect, texts) for outcome in outcomes])


def planned_study(sealed_url: str, name: str, simulated: SimulatedRaters) -> Study:
    """Read the study with the number of raters of the rehearsal. Costs two queries."""
    return read_study_texts(sealed_url, name, simulated.n_raters).study


def judge_outcome(outcome: Outcome, effect: float, texts: StudyTexts) -> Detection:
    """Return whether a test found the simulated effect."""
    is_significant = isinstance(outcome, Result) and outcome.rejects(texts.study.analysis.alpha)
    is_different = is_significant and (outcome.estimate or 0.0) * effect >= 0
    return Detection(is_different, outcome)


def planned_test(joined: Joined) -> Outcome:
    """Make only the planned primary test, after the planned exclusions."""
    frame, planned = joined.frame, joined.plan
    exclusion = exclude(frame, joined.raters, planned.exclusions, primary=planned.primary)
    left_out = excluded_raters(exclusion)
    kept = judged_only(first_showings(frame[~frame["rater"].isin(left_out)]))
    primary = planned.in_order[0]
    compared = compare(kept, planned.contrast, primary.name, pairwise=is_pairwise(primary))
    return make_tests(compared, planned).primary


def _make_empty(folder: Path) -> None:
    """Make a pair of empty databases once, to be copied: migrating takes longer than rating."""
    folder.mkdir()
    for made in (
        create_rating(f"sqlite:///{folder}/rating.db"),
        create_sealed(f"sqlite:///{folder}/sealed.db"),
    ):
        with disposing(made):
            pass


def _rehearse_one(
    folder: Path, texts: StudyTexts, simulated: SimulatedRaters, rng: np.random.Generator
) -> Outcome:
    temporary = publish_temp_study(folder, texts, rng)
    _rate(temporary, simulated, rng)
    reason = Reason("rehearsal", "rehearsal")
    name = texts.study.name
    return planned_test(unblind(temporary.sealed_url, temporary.rating_url, name, reason=reason, now=now()))


def _rate(temporary: TempStudy, simulated: SimulatedRaters, rng: np.random.Generator) -> None:
    n_raters = temporary.study.n_raters
    judges = make_judges(simulated, n_raters, make_response_model(temporary, simulated.effect, rng), rng)
    with disposing(create_rating(temporary.rating_url)) as rating:
        for number, (judge, stream) in enumerate(zip(judges, rng.spawn(n_raters), strict=True)):
            rate_in_store(
                rating,
                temporary.published,
                character=simulated.character(number),
                judge=judge,
                rng=stream,
                now=now(),
            )


def _count(found: list[Detection]) -> DetectionRate:
    n_found = sum(each.is_different for each in found)
    interval = stats.binomtest(n_found, len(found)).proportion_ci(_CONFIDENCE, method="exact")
    return DetectionRate(
        n_found=n_found,
        n=len(found),
        n_not_estimable=sum(not isinstance(each.outcome, Result) for each in found),
        low=float(interval.low),
        high=float(interval.high),
    )
