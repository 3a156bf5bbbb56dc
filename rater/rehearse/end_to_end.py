"""Rehearse a study once, the whole way: the real server, bots in real pages, the seal opened at the end."""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from rater.bots.http_client import Bot, walk
from rater.rehearse.response_model import Cast, make_judges, make_world
from rater.rehearse.temp_databases import (
    Throwaway,
    address_for_a_bot,
    now,
    publish_throwaway,
    read_study_texts,
)
from rater.server_process import serving
from rater.temp_files import temporary_folder
from rater.unblind import Reason, Unblinded, unblind

_BOTS_AT_ONCE = 4


@dataclass(frozen=True)
class Rehearsed:
    """What bots answered under the made-up key, and the throwaway databases that it is in."""

    seen: Unblinded
    sealed_url: str
    rating_url: str


def rehearse(sealed_url: str, name: str, cast: Cast, *, say: Callable[[str], None]) -> Unblinded:
    """Rehearse a generated study, and keep nothing but the answers under the made-up key.

    Raises:
        StateError: as `rehearsing` does.
        StudyError: the cast does not fit the study.
    """
    with rehearsing(sealed_url, name, cast, say=say) as rehearsed:
        return rehearsed.seen


@contextlib.contextmanager
def rehearsing(sealed_url: str, name: str, cast: Cast, *, say: Callable[[str], None]) -> Iterator[Rehearsed]:
    """Rehearse a generated study from publication to unblinding; takes about a second for each bot.

    The throwaway databases are there until the block ends; the study's own are only read.

    Raises:
        StateError: the study is not wholly generated, or its pages do not lead a bot to their end.
        StudyError: the cast does not fit it.
    """
    texts = read_study_texts(sealed_url, name, cast.n_raters)
    rng = np.random.default_rng(cast.seed)
    with temporary_folder("rater-rehearsal-") as folder:
        throwaway = publish_throwaway(folder, texts, rng)
        say(f"Serving a throwaway copy with a made-up key to {texts.study.n_raters} bots …")
        with serving(throwaway.rating_url, folder) as address:
            _rate(address, throwaway, cast, rng)
        reason = Reason("rehearsal", "rehearsal")
        seen = unblind(throwaway.sealed_url, throwaway.rating_url, name, reason=reason, now=now())
        yield Rehearsed(seen, throwaway.sealed_url, throwaway.rating_url)


def _rate(address: str, throwaway: Throwaway, cast: Cast, rng: np.random.Generator) -> None:
    n_raters = throwaway.study.n_raters
    judges = make_judges(cast, n_raters, make_world(throwaway, cast.effect, rng), rng)
    bots = [
        Bot(cast.character(number), judge, throwaway.published.protocol, stream)
        for number, (judge, stream) in enumerate(zip(judges, rng.spawn(n_raters), strict=True))
    ]
    with ThreadPoolExecutor(_BOTS_AT_ONCE) as pool:
        list(pool.map(lambda bot: walk(bot, address_for_a_bot(address, throwaway.published)), bots))
