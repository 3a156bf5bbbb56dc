"""Rehearse a study: once end to end, or many times (Monte Carlo).

Once: the real server, bots on the real pages, and unblinding. Many times: the same texts, each time with a
new synthetic key, new booklets and new bots. There, bots rate in the store and not on the pages, which would
take a second each. Booklets, seal, unblinding, exclusions and the planned test are the real ones.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from rater.analysis.composites import add_composites
from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.crossed import compare
from rater.analysis.exclusions import as_given, exclude, excluded_raters
from rater.analysis.results import Outcome, Result
from rater.analysis.scope import make_primary
from rater.bots.clients import Bot, arrive, rate_in_store, take_part
from rater.rehearse.response_model import SimulatedRaters, make_judges, make_response_model
from rater.rehearse.temp_databases import (
    StudyTexts,
    TempStudy,
    address_for_a_bot,
    now,
    publish_temp_study,
    read_study_texts,
)
from rater.runners.runner import InProcess, Runner
from rater.server_process import serving
from rater.store.engine import disposing, empty_wal, reading
from rater.store.rating.frame import read_arrivals
from rater.store.rating.open import create_rating, open_rating
from rater.store.sealed.open import create_sealed
from rater.study.study import Study
from rater.temp_files import temporary_folder
from rater.unblind import Joined, Reason, Unblinded, unblind

_BOTS_AT_ONCE = 4
_CONFIDENCE = 0.99


@dataclass(frozen=True)
class Rehearsed:
    """The answers of bots under the synthetic key, and the temporary databases with them."""

    seen: Unblinded
    sealed_url: str
    rating_url: str


def rehearse(
    sealed_url: str, name: str, simulated: SimulatedRaters, *, progress: Callable[[str], None]
) -> Unblinded:
    """Rehearse a generated study, and return the answers under the synthetic key.

    Raises:
        StateError: as `rehearsing` does.
        StudyError: the simulated raters do not fit it.
    """
    with rehearsing(sealed_url, name, simulated, progress=progress) as rehearsed:
        return rehearsed.seen


@contextlib.contextmanager
def rehearsing(
    sealed_url: str, name: str, simulated: SimulatedRaters, *, progress: Callable[[str], None]
) -> Iterator[Rehearsed]:
    """Rehearse a generated study from publication to unblinding; takes about a second for each bot.

    The same seed gives the same answers: they depend on neither the time nor the order of the bots' requests.
    The temporary databases exist until the block ends; the study's own are only read.

    Raises:
        StateError: the study is not wholly generated, or its pages do not lead a bot to the last one.
        StudyError: the simulated raters do not fit it.
    """
    texts = read_study_texts(sealed_url, name, simulated.n_raters)
    rng = np.random.default_rng(simulated.seed)
    with temporary_folder("rater-rehearsal-") as folder:
        temporary = publish_temp_study(folder, texts, rng)
        progress(f"Serving a temporary copy with a synthetic key to {texts.study.n_raters} bots …")
        with serving(temporary.rating_url, folder) as address:
            _rate_on_pages(address, temporary, simulated, rng)
        reason = Reason("rehearsal", "rehearsal")
        seen = unblind(temporary.sealed_url, temporary.rating_url, name, reason=reason, now=now())
        yield Rehearsed(_name_bots(seen, temporary, simulated), temporary.sealed_url, temporary.rating_url)


def _rate_on_pages(
    address: str, temporary: TempStudy, simulated: SimulatedRaters, rng: np.random.Generator
) -> None:
    n_raters = temporary.study.n_raters
    judges = make_judges(simulated, n_raters, make_response_model(temporary, simulated.effect, rng), rng)
    bots = [
        Bot(simulated.character(number), judge, temporary.published.protocol, stream)
        for number, (judge, stream) in enumerate(zip(judges, rng.spawn(n_raters), strict=True))
    ]
    addresses = [address_for_a_bot(address, temporary.published) for _ in bots]
    # booklets are assigned in the order of arrival, so only one bot arrives at a time
    visits = [arrive(bot, own) for bot, own in zip(bots, addresses, strict=True)]
    with ThreadPoolExecutor(_BOTS_AT_ONCE) as pool:
        list(pool.map(take_part, bots, addresses, visits))


def _name_bots(seen: Unblinded, temporary: TempStudy, simulated: SimulatedRaters) -> Unblinded:
    """Replace raters' ids, which are random, by the numbers and behaviours of the bots."""
    with disposing(open_rating(temporary.rating_url)) as rating, reading(rating) as session:
        arrivals = read_arrivals(session, temporary.published.id)
    n_digits = len(str(len(arrivals)))
    names = {}
    for number, rater_id in enumerate(arrivals):
        character = simulated.character(number)
        suffix = "" if character == "effect" else f" ({character})"
        names[rater_id] = f"bot-{number + 1:0{n_digits}d}{suffix}"
    return replace(
        seen,
        **{
            each: getattr(seen, each)
            .assign(rater=lambda frame: frame["rater"].map(names))
            .sort_values("rater", kind="stable", ignore_index=True)
            for each in ("frame", "raters", "comments", "questionnaire", "guesses", "assigned")
        },
    )


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
    sealed_url: str,
    name: str,
    simulated: SimulatedRaters,
    times: int,
    *,
    progress: Callable[[str], None],
    runner: Runner | None = None,
) -> DetectionRate:
    """Rehearse a generated study many times; takes a fraction of a second each.

    Each rehearsal has a random stream of its own, so that the result does not depend on the number of workers
    of the ``runner``; without one, this process makes them.

    Raises:
        StateError: the study is not wholly generated.
        StudyError: the simulated raters do not fit it.
    """
    texts = read_study_texts(sealed_url, name, simulated.n_raters)
    streams = np.random.default_rng(simulated.seed).spawn(times)
    outcomes: dict[int, Outcome] = {}
    rehearsal = _Rehearsal(texts, simulated, _make_empty())
    for number, outcome in (runner or InProcess()).run(rehearsal, streams):
        outcomes[number] = outcome
        if len(outcomes) % 20 == 0:
            progress(f"{len(outcomes)} of {times} rehearsals …")
    return _count([judge_outcome(outcomes[number], simulated.effect, texts) for number in range(times)])


@dataclass(frozen=True)
class _Rehearsal:
    """Rehearses through the store; a job of a runner, whose tasks are the random streams of rehearsals."""

    texts: StudyTexts
    simulated: SimulatedRaters
    empty: Mapping[str, bytes]
    """Empty databases, by the names of their files."""

    def __call__(self) -> Callable[[np.random.Generator], Outcome]:
        return self._rehearse

    def _rehearse(self, rng: np.random.Generator) -> Outcome:
        with temporary_folder("rater-rehearsals-") as folder:
            for name, content in self.empty.items():
                (folder / name).write_bytes(content)
            return _rehearse_one(folder, self.texts, self.simulated, rng)


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
    exclusion = exclude(
        as_given(frame, planned.rated), joined.raters, planned.exclusions, primary=planned.primary_parts
    )
    left_out = excluded_raters(exclusion)
    included = frame[~frame["rater"].isin(left_out)]
    included = judged_only(first_showings(add_composites(included, planned.dimensions)))
    primary = planned.in_order[0]
    compared = compare(included, planned.contrast, primary)
    return make_primary(compared, planned)


def _make_empty() -> dict[str, bytes]:
    """Make a pair of empty databases once, to be copied: migrating takes longer than rating."""
    with temporary_folder("rater-rehearsals-") as folder:
        for made in (
            create_rating(f"sqlite:///{folder}/rating.db"),
            create_sealed(f"sqlite:///{folder}/sealed.db"),
        ):
            with disposing(made):
                empty_wal(made)
        return {name: (folder / name).read_bytes() for name in ("rating.db", "sealed.db")}


def _rehearse_one(
    folder: Path, texts: StudyTexts, simulated: SimulatedRaters, rng: np.random.Generator
) -> Outcome:
    temporary = publish_temp_study(folder, texts, rng)
    _rate_in_store(temporary, simulated, rng)
    reason = Reason("rehearsal", "rehearsal")
    name = texts.study.name
    return planned_test(unblind(temporary.sealed_url, temporary.rating_url, name, reason=reason, now=now()))


def _rate_in_store(temporary: TempStudy, simulated: SimulatedRaters, rng: np.random.Generator) -> None:
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


def _count(detections: list[Detection]) -> DetectionRate:
    n_found = sum(each.is_different for each in detections)
    interval = stats.binomtest(n_found, len(detections)).proportion_ci(_CONFIDENCE, method="exact")
    return DetectionRate(
        n_found=n_found,
        n=len(detections),
        n_not_estimable=sum(not isinstance(each.outcome, Result) for each in detections),
        low=float(interval.low),
        high=float(interval.high),
    )
