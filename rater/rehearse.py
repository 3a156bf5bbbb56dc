"""Rehearse a study: throwaway databases with a made-up key, bots through the real app, the analysis on top.

The study's texts are dealt to arms at random, so that nothing of the real key shows, and its own databases
are only read. Half of the bots see an effect of the made-up arms, half see none.
"""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import httpx
import numpy as np

from rater.bots import Bot, walk
from rater.harmless import harmless
from rater.publish.draft import normalise
from rater.publish.lifecycle import open_study
from rater.publish.publish import publish_study
from rater.serving import serving
from rater.store.engine import disposing, reading, writing
from rater.store.sealed.completions import (
    Cell,
    KeptCompletion,
    NewCompletion,
    insert_completions,
    read_completions,
)
from rater.store.sealed.open import create_sealed, open_sealed
from rater.store.sealed.studies import get_sealed_study, insert_sealed_study
from rater.study.study import Study
from rater.unblind import Reason, Unblinded, unblind

MadeUpKey: TypeAlias = list[tuple[Cell, KeptCompletion]]
"""Texts under cells that they were not made in."""

_BOTS_AT_ONCE = 4
_PAGE_S = 60.0


@dataclass(frozen=True)
class Cast:
    """Who rates in a rehearsal."""

    n_raters: int
    effect: float
    """How many scale points the first arm of the contrast moves the bots that see it."""
    seed: int


def rehearse(sealed_url: str, name: str, cast: Cast, *, say: Callable[[str], None]) -> Unblinded:
    """Rehearse a generated study from publication to unblinding; takes about a second for each bot.

    Raises:
        StateError: the study is not wholly generated.
    """
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        completions = read_completions(session, kept.id)
    study = _enlarged(Study.model_validate_json(kept.canonical_json), cast.n_raters)
    rng = np.random.default_rng(cast.seed)
    with tempfile.TemporaryDirectory(prefix="rater-rehearsal-") as folder:
        throwaway_url, rating_url = f"sqlite:///{folder}/sealed.db", f"sqlite:///{folder}/rating.db"
        made_up = _deal_arms(completions, rng)
        _write_sealed(throwaway_url, study, made_up)
        slug = publish_study(throwaway_url, rating_url, name, now=_now()).slug
        open_study(rating_url, name, now=_now())
        say(f"Serving a throwaway copy with a made-up key to {cast.n_raters} bots …")
        with serving(rating_url, Path(folder)) as address:
            _rate(f"{address}/s/{slug}", study, made_up, cast=cast, rng=rng)
        return unblind(throwaway_url, rating_url, name, reason=Reason("rehearsal", "rehearsal"), now=_now())


def _now() -> datetime:
    return datetime.now(UTC)


def _enlarged(study: Study, n_raters: int) -> Study:
    declared = study.model_dump()
    return Study.model_validate({**declared, "plan": {**declared["plan"], "raters": n_raters}})


def _deal_arms(completions: list[KeptCompletion], rng: np.random.Generator) -> MadeUpKey:
    """Deal the texts of each prompt to its arms and samples at random: the made-up key."""
    made_up = []
    for prompt_index in sorted({completion.cell.prompt_index for completion in completions}):
        texts = [c for c in completions if c.cell.prompt_index == prompt_index]
        order = rng.permutation(len(texts))
        made_up += [(texts[index].cell, texts[other]) for index, other in enumerate(order)]
    return made_up


def _write_sealed(url: str, study: Study, made_up: MadeUpKey) -> None:
    new = [
        NewCompletion(cell=cell, seed=0, token_ids=(), text=kept.text, stop_reason=kept.stop_reason)
        for cell, kept in made_up
    ]
    with disposing(create_sealed(url)) as sealed, writing(sealed) as session:
        frozen = insert_sealed_study(
            session,
            name=study.name,
            study_hash=study.hash,
            canonical_json=study.canonical_json(),
            now=_now(),
        )
        insert_completions(session, frozen.id, new, versions={}, now=_now())


def _rate(
    address: str,
    study: Study,
    made_up: MadeUpKey,
    *,
    cast: Cast,
    rng: np.random.Generator,
) -> None:
    favoured = {
        (harmless(study.prompts[cell.prompt_index]), harmless(normalise(kept.text)))
        for cell, kept in made_up
        if cell.arm == study.contrast[0]
    }
    effects = [cast.effect if number % 2 == 0 else 0.0 for number in range(cast.n_raters)]
    bots = [
        Bot(favoured, effect, stream)
        for effect, stream in zip(effects, rng.spawn(cast.n_raters), strict=True)
    ]

    def take_part(bot: Bot) -> int:
        with httpx.Client(timeout=_PAGE_S) as client:
            return walk(client, address, bot)

    with ThreadPoolExecutor(_BOTS_AT_ONCE) as pool:
        list(pool.map(take_part, bots))
