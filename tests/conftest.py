"""Share real parts between test folders: the embedded model, and a small rating database."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from rater.generate.freeze import freeze
from rater.publish import publish as publishing
from rater.store.engine import disposing, writing
from rater.store.log import append_event
from rater.store.rating import raters, sessions, studies, trials
from rater.store.rating.open import create_rating, open_rating
from rater.store.rating.publication import NewBooklet, NewItem, NewTrial, insert_study
from rater.store.rating.schema import EventRow
from rater.store.sealed.completions import NewCompletion, insert_completions
from rater.store.sealed.open import create_sealed, open_sealed
from rater.study.arms import Sampling, Steered, Unsteered, XVector
from rater.study.design import Plan
from rater.study.dimension import Dimension
from rater.study.fields import Item, ShownField
from rater.study.protocol import Protocol
from rater.study.scales import Likert
from rater.study.state import State
from rater.study.study import Study
from rater.study.visit import Channel
from tests.verify.tamper import file_of

if TYPE_CHECKING:
    from playwright.sync_api import Playwright
    from transformer_lens.model_bridge import TransformerBridge

    from rater.generate.engines.torch_engine import TorchEngine

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)

_IN_PROGRESS: dict[str, bytes] = {}
"""The files of the study in progress below, made by the first test that asks for them."""


_MOVES = {"published": (), "open": ("open",), "paused": ("open", "paused"), "closed": ("open", "closed")}


# tests never assert times: a machine with other work on it would make them fail
settings.register_profile("rater", deadline=None, max_examples=50)
# a run that decides whether a change is accepted tries the same examples each time
settings.register_profile("ci", settings.get_profile("rater"), derandomize=True)


settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "rater"))


# no load balancer watches the servers that tests start, so they may stop at once
os.environ.setdefault("RATER_DRAIN", "0")


_PUBLISHED_AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="session")
def embedded_model() -> "TransformerBridge":
    """The embedded model on the CPU, in the precision of the reference numbers, loaded once."""
    import torch  # noqa: PLC0415 (the tests that need no model need no torch)

    from rater.embedded_model import EMBEDDED_MODEL  # noqa: PLC0415 (as above)
    from rater.steering.bridge import load_model  # noqa: PLC0415 (as above)

    return load_model(EMBEDDED_MODEL, device="cpu", dtype=torch.float32)


@pytest.fixture(scope="session")
def embedded_engine(embedded_model: "TransformerBridge") -> "TorchEngine":
    """The torch engine with the embedded model."""
    from rater.generate.engines.torch_engine import TorchEngine  # noqa: PLC0415 (as above)

    return TorchEngine(embedded_model)


@pytest.fixture(scope="session")
def playwright() -> "Iterator[Playwright]":
    """Playwright, of which a process can run one at a time."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 (most tests need no browser)

    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def empty_databases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty database of each kind, to be copied: making one takes longer than most tests."""
    folder = tmp_path_factory.mktemp("empty")
    create_rating(f"sqlite:///{folder / 'rating.db'}").dispose()
    create_sealed(f"sqlite:///{folder / 'sealed.db'}").dispose()
    return folder


@pytest.fixture
def rating_url(tmp_path: Path, empty_databases: Path) -> str:
    """The URL of an empty rating database."""
    shutil.copy(empty_databases / "rating.db", tmp_path)
    return f"sqlite:///{tmp_path / 'rating.db'}"


@pytest.fixture
def protocol() -> Protocol:
    """A protocol with one dimension of five points."""
    return Protocol(
        title="How happy are these texts?",
        consent="You will rate texts. **Nothing** about you is stored. Ask [us](https://example.org/who).",
        instructions="Say how happy each text is.",
        dimensions=(
            Dimension(
                name="happiness",
                question="How happy is this text?",
                scale=Likert(low="not at all happy", high="very happy"),
            ),
        ),
    )


@pytest.fixture
def publish_study(rating_url: str, protocol: Protocol) -> Callable[..., str]:
    """A function that publishes a study and returns its slug; each booklet has all its texts, or one."""

    def publish(
        *,
        slug: str = "quiet-river",
        name: str = "a_study",
        state: str = "open",
        shown: Protocol = protocol,
        texts: tuple[tuple[str, str], ...] = (
            ("I woke up", " and smiled."),
            ("The rain", " fell on."),
            ("We", " ran."),
        ),
        fields: Mapping[str, str] | Sequence[Mapping[str, str]] = (),
        n_booklets: int = 3,
        trials: tuple[NewTrial, ...] | None = None,
        texts_apart: bool = False,
    ) -> str:
        fields_of = [fields] * len(texts) if isinstance(fields, Mapping) else fields or [{}] * len(texts)
        items = [
            NewItem(f"{slug}-{n}", prompt, text, fields=own)
            for n, ((prompt, text), own) in enumerate(zip(texts, fields_of, strict=True))
        ]
        shown_trials = trials or tuple(NewTrial((item.id,)) for item in items)
        booklets = [NewBooklet(f"{slug}-booklet-{n}", shown_trials) for n in range(n_booklets)]
        if texts_apart:
            booklets = [NewBooklet(f"{slug}-booklet-{n}", (each,)) for n, each in enumerate(shown_trials)]
        study = studies.PublishedStudy(
            0, name, slug, State.PUBLISHED, shown, "hash", "commitment", _PUBLISHED_AT
        )
        engine = create_rating(rating_url)
        with writing(engine) as session:
            insert_study(session, study, items=items, booklets=booklets)
            study_id = studies.get_study(session, name).id
            append_event(session, EventRow, study_id, kind=State.PUBLISHED, at=_PUBLISHED_AT)
            for move in _MOVES[state]:
                studies.move_study(session, name, State(move), at=_PUBLISHED_AT)
        engine.dispose()
        return slug

    return publish


@pytest.fixture
def sealed_url(tmp_path: Path, empty_databases: Path) -> str:
    """The URL of an empty sealed database."""
    shutil.copy(empty_databases / "sealed.db", tmp_path)
    return f"sqlite:///{tmp_path / 'sealed.db'}"


@pytest.fixture
def study() -> Study:
    """A study of two arms, four prompts and three samples, whose sealed words are unmistakable."""
    return Study(
        name="marked_study",
        title="How happy are these texts?",
        consent="You will rate texts.",
        instructions="Say how happy each text is.",
        dimensions=(
            Dimension(
                name="happiness",
                question="How happy is this text?",
                scale=Likert(low="not at all happy", high="very happy"),
            ),
        ),
        prompts=("I woke up and", "The rain", "My friend said", "We"),
        arms=(
            Unsteered(name="zebra-arm"),
            Steered(
                name="walrus-arm",
                additions=(XVector("Quokka prompt", "Numbat prompt", coeff=7.8125, at=17),),
            ),
        ),
        sampling=Sampling(samples_per_prompt=3, seed=918273645),
        plan=Plan(raters=6),
    )


@pytest.fixture
def study_with_items(study: Study) -> Study:
    """The study with two items of each prompt, whose concept raters see and the question names."""
    scale = Likert(low="no {concept}", high="much {concept}")
    declared = {
        "prompts": (),
        "items": [
            Item(prompt=prompt, concept=concept, task="Write <b>one</b> line")
            for prompt in study.prompts[:2]
            for concept in ("weddings", "dogs & cats")
        ],
        "shown_fields": (ShownField(name="task", label="The task"),),
        "dimensions": (
            Dimension(name="happiness", question="How clearly is {concept} present?", scale=scale),
        ),
    }
    fields = {name: getattr(study, name) for name in Study.model_fields if name not in declared}
    return Study(**fields, **{name: value for name, value in declared.items() if value})


@pytest.fixture
def seal_completions(sealed_url: str) -> Callable[[Study], None]:
    """A function that fills the sealed database with a study's completions, as generation would."""

    def seal(study: Study) -> None:
        missing = freeze(sealed_url, study, now=_PUBLISHED_AT)
        made = [
            NewCompletion(
                cell=cell,
                seed=number,
                token_ids=(number, number + 1),
                text=f" fell on {number} times. ",
                stop_reason="length",
            )
            for number, cell in enumerate(missing.cells)
        ]
        engine = open_sealed(sealed_url)
        with writing(engine) as session:
            insert_completions(session, missing.study_id, made, versions={}, now=_PUBLISHED_AT)
        engine.dispose()

    return seal


@pytest.fixture
def study_in_progress(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> Study:
    """The study, open: one rater finished it in 20 minutes, and one left after three texts."""
    urls = {"sealed": sealed_url, "rating": rating_url}
    if _IN_PROGRESS:
        for name, url in urls.items():
            file_of(url).write_bytes(_IN_PROGRESS[name])
        return study
    seal_completions(study)
    published = publishing.publish_study(sealed_url, rating_url, study.name, now=NOW)
    publishing.open_study(rating_url, study.name, now=NOW)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        for token, n_answered in (("first", 8), ("second", 3)):
            arrival = raters.Arrival(Channel.WEB)
            raters.claim_booklet(
                session, published.id, token, arrival=arrival, protocol=study.protocol, now=NOW
            )
            for position in range(1, n_answered + 1):
                rater_session = sessions.find_rater_session(session, published.id, token)
                assert rater_session is not None
                judged = {"happiness": trials.Judgement(position % 5 + 1)}
                sent = trials.Submission(f"s{position}", position, judged, trials.Timing(900))
                at = NOW + timedelta(minutes=2.5 * position)
                trials.record_answers(session, published.id, rater_session, sent, revising="all", now=at)
    for name, url in urls.items():
        _IN_PROGRESS[name] = file_of(url).read_bytes()
    return study


@pytest.fixture
def finished_study(study_in_progress: Study, rating_url: str) -> tuple[Study, str]:
    """The study, closed, and the head that closing printed."""
    return study_in_progress, publishing.close_study(
        rating_url, study_in_progress.name, now=NOW + timedelta(hours=2)
    )
