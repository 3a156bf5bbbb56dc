"""Time a study of 100,000 texts and 1,000,000 answers: assign, publish, watch, show a page, export.

    python tests/benchmarks/large_study.py            # some ten minutes, 4 GiB of disk
    python tests/benchmarks/large_study.py --scale 20 # a twentieth of it

Completions and answers are synthetic and inserted in bulk; all else is the real code on SQLite files.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
from sqlalchemy import Row, insert, select
from sqlalchemy.orm import Session

from rater import Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered, XVector
from rater.admin.export import read_unarmed_frame
from rater.admin.status import watch
from rater.generate.freeze import freeze
from rater.publish.booklets import assign_booklets
from rater.publish.publish import close_study, open_study, publish_study
from rater.store.engine import disposing, reading, writing
from rater.store.rating.open import open_rating
from rater.store.rating.places import Limits
from rater.store.rating.raters import read_offer
from rater.store.rating.schema import Answer, Booklet, Rater, Token
from rater.store.rating.sessions import digest, find_rater_session
from rater.store.rating.studies import find_study_by_slug, get_study
from rater.store.rating.trials import view_trial
from rater.store.sealed.completions import NewCompletion, insert_completions
from rater.store.sealed.open import open_sealed

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
WORDS = ("the", "rain", "went", "on", "and", "she", "smiled", "at", "him", "while", "they", "walked")
_BATCH = 10_000
_N_PAGES = 100
T = TypeVar("T")


def timed(what: str, do: Callable[[], T]) -> T:
    start = time.perf_counter()
    found = do()
    gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what:45} {time.perf_counter() - start:8.2f} s   (peak {gib:.2f} GiB)", flush=True)
    return found


def declare(scale: int) -> Study:
    return Study(
        name="large",
        title="Many texts",
        consent="You will rate texts.",
        instructions="Choose.",
        dimensions=(
            Dimension(name="happiness", question="How happy?", scale=Likert(low="not at all", high="very")),
        ),
        prompts=tuple(f"Prompt number {n} says that" for n in range(1_000 // scale)),
        arms=(Unsteered(), Steered(additions=(XVector("Love", "Hate", coeff=5, at=6),))),
        sampling=Sampling(samples_per_prompt=50),
        plan=Plan(raters=10_000 // scale, items_per_rater=100),
    )


def seal(url: str, study: Study) -> None:
    missing = freeze(url, study, now=NOW)
    rng = np.random.default_rng(0)
    with disposing(open_sealed(url)) as sealed:
        for start in range(0, len(missing.cells), _BATCH):
            made = [
                NewCompletion(
                    cell=cell,
                    seed=start + number,
                    token_ids=(1, 2),
                    text=f" {' '.join(rng.choice(WORDS, 30))} {start + number}.",
                    stop_reason="length",
                )
                for number, cell in enumerate(missing.cells[start : start + _BATCH])
            ]
            with writing(sealed) as session:
                insert_completions(session, missing.study_id, made, versions={}, now=NOW)


def answer(rating_url: str, name: str) -> None:
    """Let every booklet be rated, in bulk."""
    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            study_id = get_study(session, name).id
            booklets = session.execute(
                select(Booklet.id, Booklet.n_trials).where(Booklet.study_id == study_id)
            ).all()
        rng = np.random.default_rng(0)
        for start in range(0, len(booklets), 100):
            with writing(rating) as session:
                _answer_some(session, study_id, booklets[start : start + 100], rng)


def _answer_some(
    session: Session, study_id: int, booklets: Sequence[Row[str, int]], rng: np.random.Generator
) -> None:
    raters, tokens = [], []
    answers: list[dict[str, object]] = []
    for booklet_id, n_trials in booklets:
        rater_id = f"r{booklet_id[1:]}"
        raters.append(
            {
                "id": rater_id,
                "study_id": study_id,
                "booklet_id": booklet_id,
                "channel": "web",
                "consented_at": NOW,
                "finished_at": NOW,
                "n_practice_attempts": 0,
            }
        )
        tokens.append({"digest": digest(rater_id), "rater_id": rater_id})
        answers += _answers(rater_id, booklet_id, n_trials, rng)
    session.execute(insert(Rater), raters)
    session.execute(insert(Token), tokens)
    session.execute(insert(Answer), answers)


def _answers(
    rater_id: str, booklet_id: str, n_trials: int, rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    for position, value in enumerate(rng.integers(1, 6, n_trials).tolist(), start=1):
        yield {
            "rater_id": rater_id,
            "booklet_id": booklet_id,
            "position": position,
            "dimension": "happiness",
            "revision": 1,
            "value": float(value),
            "submission_id": f"s{position}",
            "shown_ms": 4_000,
            "answered_at": NOW + timedelta(seconds=5 * position),
        }


def look_at_pages(rating_url: str) -> None:
    """Read what trials' pages show, as the web app does, for some raters."""
    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            raters = session.scalars(select(Rater.id).order_by(Rater.id).limit(_N_PAGES)).all()
            slug = get_study(session, "large").slug
        for rater_id in raters:
            with reading(rating) as session:
                study = find_study_by_slug(session, slug)
                assert study is not None
                rater_session = find_rater_session(session, study.id, rater_id)
                assert rater_session is not None
                view_trial(session, rater_session, 7)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int, default=1)
    study = declare(parser.parse_args().scale)
    print(f"{study.n_completions:,} texts, {study.n_raters:,} booklets of {study.items_per_rater}\n")
    with tempfile.TemporaryDirectory() as folder:
        sealed, rating = f"sqlite:///{Path(folder) / 'sealed.db'}", f"sqlite:///{Path(folder) / 'rating.db'}"
        timed("insert synthetic completions", lambda: seal(sealed, study))
        timed("assign booklets", lambda: assign_booklets(study.design, np.random.default_rng(0)))
        timed("publish (assign, commit, insert)", lambda: publish_study(sealed, rating, "large", now=NOW))
        open_study(rating, "large", now=NOW)
        timed("insert synthetic answers", lambda: answer(rating, "large"))
        with disposing(open_rating(rating)) as engine, reading(engine) as session:
            study_id = get_study(session, "large").id
            timed("landing page: is a place free?", lambda: read_offer(session, study_id, Limits(NOW, 24.0)))
        timed(f"{_N_PAGES} trial pages read", lambda: look_at_pages(rating))
        timed("rater status", lambda: watch(rating, sealed, "large", now=NOW))
        timed("close (digests every answer)", lambda: close_study(rating, "large", now=NOW))
        frame = timed("read for export", lambda: read_unarmed_frame(rating, "large"))
        timed("write CSV", lambda: frame.to_csv(Path(folder) / "answers.csv", index=False))
        timed("write Parquet", lambda: frame.to_parquet(Path(folder) / "answers.parquet"))


if __name__ == "__main__":
    main()
