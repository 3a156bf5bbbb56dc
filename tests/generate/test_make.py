"""Make completions with the embedded model into a real sealed file."""

import resource
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from rater.errors import DatabaseError, ModelError, StateError
from rater.generate.completion_store import SealedStore
from rater.generate.freeze import freeze
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.sealed.completions import Cell, read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import CompletionRow, SealedEventRow
from rater.study.arms import ActivationAddition, Steered
from rater.study.study import Study

if TYPE_CHECKING:
    from transformer_lens.model_bridge import TransformerBridge

pytestmark = pytest.mark.model
NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def short_study(study: Study) -> Study:
    """Two prompts, two arms, two samples, six tokens."""
    declared = study.model_dump()
    return Study.model_validate(
        {
            **declared,
            "prompts": ["I woke up and saw that", "The rain fell on and we"],  # terms: ignore (a prompt)
            "arms": [
                {"kind": "unsteered"},
                {"kind": "steered", "additions": [{"prompt": "Love", "coeff": 2, "act_name": 6}]},
            ],
            "sampling": {"samples_per_prompt": 2, "max_new_tokens": 6, "top_p": 0.9, "seed": 3},
        }
    )


def make(
    sealed_url: str,
    study: Study,
    model: "TransformerBridge",
    *,
    on_completion: Callable[[int], None] = lambda _: None,
    batch_size: int = 64,
) -> None:
    from rater.generate.engines.torch_engine import TorchEngine  # noqa: PLC0415 (torch)
    from rater.generate.make import make_completions  # noqa: PLC0415 (torch, for these tests only)

    missing = freeze(sealed_url, study, now=NOW)
    with SealedStore(sealed_url, missing.study_id) as store:
        make_completions(
            store,
            study,
            missing.cells,
            TorchEngine(model),
            batch_size=batch_size,
            clock=lambda: NOW,
            on_tokens=lambda _: None,
            on_completion=on_completion,
        )


def read_texts(sealed_url: str) -> list[tuple[Cell, str]]:
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        return [(kept.cell, kept.text) for kept in read_completions(session, 1)]


def test_every_completion_is_kept_with_its_arm_seed_and_versions(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge"
) -> None:
    make(sealed_url, short_study, embedded_model)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        rows = list(session.scalars(select(CompletionRow)))
        kinds = [event.kind for event in read_events(session, SealedEventRow, 1)]
        session.expunge_all()
    assert len(rows) == 8
    assert all(1 <= len(row.token_ids) <= 6 for row in rows)
    assert {row.stop_reason for row in rows} <= {"eos", "length"}
    assert {row.versions["torch"].split("+")[0] for row in rows} == {"2.13.0"}
    assert kinds == ["frozen", "generated"]


def test_both_arms_of_a_sample_share_a_seed_that_no_other_sample_has(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge"
) -> None:
    make(sealed_url, short_study, embedded_model)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        seeds = {
            (row.prompt_index, row.arm, row.sample): row.seed
            for row in session.scalars(select(CompletionRow))
        }
    pairs = [(seeds[p, "unsteered", s], seeds[p, "steered", s]) for p in (0, 1) for s in (0, 1)]
    assert all(unsteered == steered for unsteered, steered in pairs)
    assert len(set(pairs)) == 4


def longer(study: Study) -> Study:
    """The same with five samples: 20 completions, two groups and a half."""
    declared = study.model_dump()
    return Study.model_validate({**declared, "sampling": {**declared["sampling"], "samples_per_prompt": 5}})


def test_items_with_the_same_prompt_have_texts_of_their_own(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge"
) -> None:
    prompts = short_study.prompts
    items = [{"prompt": prompt, "concept": concept} for prompt in prompts for concept in ("dogs", "love")]
    declared = short_study.model_dump(exclude={"prompts"})
    study = Study.model_validate({**declared, "name": "with_items", "items": items})

    make(sealed_url, study, embedded_model)

    texts = dict(read_texts(sealed_url))
    for arm in study.arm_names:
        of_prompt = [texts[Cell(item, arm, sample)] for item in (0, 1) for sample in (0, 1)]
        assert len(set(of_prompt)) == 4
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        seeds = {row.seed for row in session.scalars(select(CompletionRow))}
    from rater.steering.batch import completion_seed  # noqa: PLC0415 (torch, for these tests only)

    assert seeds == {completion_seed(3, prompt, n) for prompt in prompts for n in range(4)}


def test_an_item_is_generated_with_the_vector_and_the_words_of_its_concept(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge"
) -> None:
    arms = [
        {"kind": "unsteered"},
        {"kind": "concept_steered", "coeff": 2},
        {"kind": "concept_steered", "name": "random", "coeff": 2, "random_seed": 1},
        {"kind": "prompted", "prefix": "I talk about {concept}. "},
    ]
    concepts = [
        {"words": word, "additions": [{"prompt": word, "coeff": 1, "act_name": 6}]}
        for word in ("Love", "War")
    ]
    declared = {**short_study.model_dump(exclude={"items"}), "arms": arms, "analysis": {}}
    study = Study.model_validate({**declared, "name": "of_concepts", "concepts": concepts})
    war = [
        {"kind": "unsteered"},
        {"kind": "steered", "additions": [{"prompt": "War", "coeff": 2, "act_name": 6}]},
        {"kind": "prompted", "prefix": "I talk about War. "},
    ]
    samples = {**declared["sampling"], "samples_per_prompt": 4}
    alone = Study.model_validate({**declared, "name": "war", "arms": war, "sampling": samples})

    make(sealed_url, study, embedded_model)
    make(sealed_url, alone, embedded_model)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        made, expected = (
            {kept.cell: kept.text for kept in read_completions(session, number)} for number in (1, 2)
        )
    assert len(made) == 32
    for arm in ("unsteered", "steered", "prompted"):
        # the second concept of a prompt continues its samples
        of_war = [made[Cell(item, arm, sample)] for item in (1, 3) for sample in (0, 1)]
        assert of_war == [expected[Cell(prompt, arm, sample)] for prompt in (0, 1) for sample in (2, 3)]
    random = [made[Cell(item, "random", sample)] for item in (1, 3) for sample in (0, 1)]
    assert random != [made[Cell(item, "steered", sample)] for item in (1, 3) for sample in (0, 1)]


def test_generation_that_was_interrupted_ends_with_the_same_rows(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge", tmp_path: Path
) -> None:
    study, whole_url = longer(short_study), f"sqlite:///{tmp_path / 'whole.db'}"
    make(whole_url, study, embedded_model)

    class Stopped(Exception):  # noqa: N818 (in place of Ctrl-C)
        pass

    def stop(_n_tokens: int) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        make(sealed_url, study, embedded_model, on_completion=stop, batch_size=3)
    assert len(read_texts(sealed_url)) == 8

    make(sealed_url, study, embedded_model)

    assert read_texts(sealed_url) == read_texts(whole_url)


def test_a_full_disk_is_reported_and_the_next_run_continues(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge", tmp_path: Path
) -> None:
    study, whole_url = longer(short_study), f"sqlite:///{tmp_path / 'whole.db'}"
    make(whole_url, study, embedded_model)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(_n_tokens: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))

    try:
        with pytest.raises(DatabaseError, match=r"sealed.db cannot be used: .* disk space\."):
            make(sealed_url, study, embedded_model, on_completion=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(read_texts(sealed_url)) == 8

    make(sealed_url, study, embedded_model)

    assert read_texts(sealed_url) == read_texts(whole_url)


def test_completions_are_measured_under_the_unsteered_model(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge"
) -> None:
    from rater.steering.likelihood import completion_nlls  # noqa: PLC0415 (torch)

    make(sealed_url, short_study, embedded_model)

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        rows = list(session.scalars(select(CompletionRow)))
        session.expunge_all()
    nlls = completion_nlls(
        embedded_model, [(short_study.prompts[row.prompt_index], row.token_ids) for row in rows]
    )
    assert [row.nll for row in rows] == pytest.approx(nlls, abs=0.0051)  # stored with two decimals
    assert all(row.repetition == 0 for row in rows)


def test_one_study_is_made_in_one_precision(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge"
) -> None:
    import torch  # noqa: PLC0415 (for this test only)

    from rater.embedded_model import EMBEDDED_MODEL  # noqa: PLC0415 (as above)
    from rater.generate.engines.torch_engine import TorchEngine  # noqa: PLC0415 (torch)
    from rater.generate.freeze import first_samples  # noqa: PLC0415 (as above)
    from rater.generate.make import make_completions  # noqa: PLC0415 (as above)
    from rater.steering.bridge import load_model  # noqa: PLC0415 (as above)

    def make_first(n: int, model: "TransformerBridge") -> None:
        missing = first_samples(freeze(sealed_url, short_study, now=NOW), n)
        with SealedStore(sealed_url, missing.study_id) as store:
            make_completions(
                store,
                short_study,
                missing.cells,
                TorchEngine(model),
                batch_size=8,
                clock=lambda: NOW,
                on_tokens=lambda _: None,
                on_completion=lambda _: None,
            )

    half = load_model(EMBEDDED_MODEL, device="cpu", dtype=torch.bfloat16)
    make_first(4, half)

    assert [cell.sample for cell, _ in read_texts(sealed_url)] == [0, 0, 0, 0]
    with pytest.raises(StateError, match="made in bfloat16, but its model is loaded in float32 now"):
        make_first(4, embedded_model)


@pytest.mark.parametrize("in_all_arms", [True, False])
def test_one_study_is_made_by_one_engine(study: Study, *, in_all_arms: bool) -> None:
    from rater.generate.make import require_same_engine  # noqa: PLC0415 (torch, for these tests only)

    now = {"engine": "torch", "dtype": "torch.float32"}
    other = [{"engine": "vllm", "dtype": "torch.float32"}]
    before = {arm: other if in_all_arms or arm == study.arm_names[0] else [now] for arm in study.arm_names}

    with pytest.raises(
        StateError, match=r"by the engine vllm, .* by the engine torch now. Add --engine vllm"
    ):
        require_same_engine(study, [Cell(0, study.arm_names[-1], 0)], before, now)


def test_an_arm_that_does_not_fit_the_model_is_named_before_anything_is_made(
    short_study: Study, sealed_url: str, embedded_model: "TransformerBridge"
) -> None:
    too_deep = Steered(additions=(ActivationAddition(prompt="Love", coeff=1, act_name=31),))
    study = Study.model_validate({**short_study.model_dump(), "arms": [short_study.arms[0], too_deep]})

    with pytest.raises(ModelError, match=r"arms\[1\]\.additions\[0\].* 31, .*0–29"):
        make(sealed_url, study, embedded_model)
    assert read_texts(sealed_url) == []
