"""Rehearse a study once, end to end: the real server, bots on the real pages, and unblinding."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from rater.audit.preview import serving
from rater.bots.http_client import Bot, take_part
from rater.rehearse.response_model import SimulatedRaters, make_judges, make_response_model
from rater.rehearse.temp_databases import (
    TempStudy,
    address_for_a_bot,
    now,
    publish_temp_study,
    read_study_texts,
)
from rater.temp_files import temporary_folder
from rater.unblind import Reason, Unblinded, unblind

_BOTS_AT_ONCE = 4


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
        StudyError: the simulated does not fit the study.
    """
    with rehearsing(sealed_url, name, simulated, progress=progress) as rehearsed:
        return rehearsed.seen


@contextlib.contextmanager
def rehearsing(
    sealed_url: str, name: str, simulated: SimulatedRaters, *, progress: Callable[[str], None]
) -> Iterator[Rehearsed]:
    """Rehearse a generated study from publication to unblinding; takes about a second for each bot.

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
            _rate(address, temporary, simulated, rng)
        reason = Reason("rehearsal", "rehearsal")
        seen = unblind(temporary.sealed_url, temporary.rating_url, name, reason=reason, now=now())
        yield Rehearsed(seen, temporary.sealed_url, temporary.rating_url)


def _rate(address: str, temporary: TempStudy, simulated: SimulatedRaters, rng: np.random.Generator) -> None:
    n_raters = temporary.study.n_raters
    judges = make_judges(simulated, n_raters, make_response_model(temporary, simulated.effect, rng), rng)
    bots = [
        Bot(simulated.character(number), judge, temporary.published.protocol, stream)
        for number, (judge, stream) in enumerate(zip(judges, rng.spawn(n_raters), strict=True))
    ]
    with ThreadPoolExecutor(_BOTS_AT_ONCE) as pool:
        list(pool.map(lambda bot: take_part(bot, address_for_a_bot(address, temporary.published)), bots))
