"""The vLLM engine equals the torch engine on the cases of llm-steering; vLLM itself runs, on a CPU."""

import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from rater.embedded_model import EMBEDDED_MODEL
from rater.errors import ModelError, StateError
from rater.generate.engines import vllm_engine
from rater.generate.engines.protocol import EngineName
from rater.generate.engines.vllm_engine import VllmEngine
from rater.steering.batch import Completion, Row
from rater.steering.prompts import token_ids
from rater.store.engine import disposing, reading
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import CompletionRow
from rater.study.arms import ActivationAddition, RandomVector, Sampling, XVector
from rater.study.conversation import Turn, read_replies
from rater.study.fields import Item
from rater.study.study import Study
from rater.workspace.databases import Databases
from rater.workspace.generation import GenerationOptions, Loader, generate_study

if TYPE_CHECKING:
    from rater.generate.engines.protocol import GenerationEngine
    from rater.generate.engines.torch_engine import TorchEngine
    from rater.steering.vectors import SteeringVector

pytestmark = [pytest.mark.vllm, pytest.mark.model]
NOW = datetime(2026, 2, 1, tzinfo=UTC)
ORACLE = Path(__file__).parents[2] / "data" / "steering_oracle.json"
PROMPT = "I went up to my friend and said"
LOVE = ActivationAddition(coeff=8, act_name=6, prompt="Love")
LAST: dict[str, Any] = {"act_name": 6, "prompt": "Love", "read": "last"}
ARMS: dict[str, Sequence[Any]] = {
    "unsteered": (),
    "front": [LOVE],
    "mid": [ActivationAddition(coeff=8, act_name=6, prompt="Love", position="mid")],
    "back": [ActivationAddition(coeff=8, act_name=6, prompt="Love", position="back")],
    "explicit": [ActivationAddition(coeff=8, **LAST, position=(3, -1))],
    "all": [ActivationAddition(coeff=2, **LAST, when="all")],
    "generated": [ActivationAddition(coeff=2, **LAST, when="generated")],
    "dims": [ActivationAddition(coeff=8, act_name=6, prompt="Love", dims=(0, 288))],
    "post": [ActivationAddition(coeff=8, act_name="blocks.29.hook_resid_post", prompt="Love")],
    "two layers": [LOVE, RandomVector(like=XVector("Love", "Hate", coeff=5, at=12), seed=1)],
}


@pytest.fixture(scope="module")
def engine() -> VllmEngine:
    """vLLM with the embedded model, in the precision of the reference numbers, loaded once."""
    return VllmEngine(EMBEDDED_MODEL, dtype="float32")


@pytest.fixture(scope="module")
def vectors(embedded_engine: "TorchEngine") -> dict[str, "tuple[SteeringVector, ...]"]:
    """The vectors of each arm."""
    return {name: embedded_engine.resolve(additions, place=name) for name, additions in ARMS.items()}


def run(engine: Any, rows: Sequence[Row[str]], sampling: Sampling) -> dict[str, Completion[str]]:
    made = engine.generate(rows, sampling, batch_size=16, on_tokens=lambda _n: None)
    return {each.key: each for each in made}


def test_vectors_are_those_of_the_torch_engine(engine: VllmEngine, embedded_engine: "TorchEngine") -> None:
    for additions in ARMS.values():
        resolved = engine.resolve(additions, place="additions")

        assert resolved == embedded_engine.resolve(additions, place="additions")


def test_next_token_logprobs_are_llm_steerings(engine: VllmEngine, embedded_engine: "TorchEngine") -> None:
    cases, expected = [], []
    for case in json.loads(ORACLE.read_text(encoding="utf-8"))["cases"]:
        for arm in ("base", "steered"):
            additions = [_declared(each, case) for each in case["additions"]] if arm == "steered" else []
            if any(each.act_name in {0, "blocks.0.hook_resid_pre"} for each in additions):
                continue
            own = embedded_engine.resolve(additions, place="additions")
            for token in case[arm]["top5"]:
                cases.append((case["prompt"], own, token["id"]))
                expected.append(token["logprob"])

    found = engine.token_logprobs(cases)

    assert sum(bool(own) for _, own, _ in cases) >= 20
    assert [each.first for each in found] == pytest.approx(expected, abs=1e-3)


def _declared(each: dict[str, Any], case: dict[str, Any]) -> ActivationAddition:
    dims = tuple(case["res_stream_slice"]) if case["res_stream_slice"] else None
    place: dict[str, Any] = {"position": case["addition_location"], "dims": dims}
    if each["prompt"] is not None:
        return ActivationAddition(each["coeff"], each["act_name"], each["prompt"], **place)
    return ActivationAddition(each["coeff"], each["act_name"], tokens=tuple(each["token_ids"]), **place)


@pytest.mark.parametrize("penalties", [{}, {"frequency_penalty": 1.0, "presence_penalty": 0.5}])
def test_greedy_texts_and_likelihoods_are_those_of_the_torch_engine(
    engine: VllmEngine,
    embedded_engine: "TorchEngine",
    vectors: "dict[str, tuple[SteeringVector, ...]]",
    penalties: dict[str, float],
) -> None:
    sampling = Sampling(max_new_tokens=12, temperature=0, **penalties)
    rows = [Row(name, PROMPT, own, 1) for name, own in vectors.items()]

    made, expected = run(engine, rows, sampling), run(embedded_engine, rows, sampling)

    assert {key: each.token_ids for key, each in made.items()} == {
        key: each.token_ids for key, each in expected.items()
    }
    assert {key: (each.text, each.stop_reason) for key, each in made.items()} == {
        key: (each.text, each.stop_reason) for key, each in expected.items()
    }
    assert len({each.token_ids for each in made.values()}) >= 8  # arms differ
    prompts = [PROMPT] * (len(rows) - 1) + ["Another prompt"]
    nlls = engine.unsteered_nlls(list(made.values()), prompts)
    in_order = [expected[key] for key in made]
    assert nlls == pytest.approx(embedded_engine.unsteered_nlls(in_order, prompts), abs=1e-3)


def test_prompts_of_all_lengths_are_steered_at_their_own_positions_in_one_batch(
    engine: VllmEngine, embedded_engine: "TorchEngine", vectors: "dict[str, tuple[SteeringVector, ...]]"
) -> None:
    sampling = Sampling(max_new_tokens=6, temperature=0)
    texts = ["I hate", PROMPT, PROMPT + " that it was a long day, and then " * 9]
    rows = [
        Row(f"{arm} {n}", text, vectors[arm], 1) for n, text in enumerate(texts) for arm in ("back", "mid")
    ]

    made, expected = run(engine, rows, sampling), run(embedded_engine, rows, sampling)

    assert {key: each.token_ids for key, each in made.items()} == {
        key: each.token_ids for key, each in expected.items()
    }


def test_a_seed_gives_the_same_text_again_and_other_seeds_other_texts(
    engine: VllmEngine, vectors: "dict[str, tuple[SteeringVector, ...]]"
) -> None:
    sampling = Sampling(max_new_tokens=12, top_p=0.9, top_k=200)
    rows = [
        Row(f"{arm} {seed}", PROMPT, vectors[arm], seed) for arm in ("unsteered", "all") for seed in (1, 2)
    ]

    first, second = run(engine, rows, sampling), run(engine, rows, sampling)

    assert first == second
    assert len({each.token_ids for each in first.values()}) == 4


def test_a_model_whose_layers_are_divided_over_processes_generates_the_same_tokens(
    embedded_engine: "TorchEngine", vectors: "dict[str, tuple[SteeringVector, ...]]"
) -> None:
    sampling = Sampling(max_new_tokens=4, temperature=0)
    rows = [Row(arm, PROMPT, vectors[arm], 1) for arm in ("unsteered", "front", "all")]

    # In a process of its own: vLLM keeps the environment in which its first model was loaded.
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        tokens, versions = pool.submit(_run_divided, rows, sampling).result()

    expected = run(embedded_engine, rows, sampling)
    assert tokens == {key: each.token_ids for key, each in expected.items()}
    assert versions["tensor_parallel"] == "3"


def _run_divided(rows: Sequence[Row[str]], sampling: Sampling) -> tuple[dict[str, Any], dict[str, str]]:
    divided = VllmEngine(EMBEDDED_MODEL, dtype="float32", tensor_parallel=3)
    made = run(divided, rows, sampling)
    return {key: each.token_ids for key, each in made.items()}, dict(divided.versions)


def test_a_number_of_gpus_that_cannot_share_the_heads_is_refused() -> None:
    with pytest.raises(ModelError, match=r"tensor_parallel is 2, .* 9 attention heads.* valid: 1, 3, 9\."):
        VllmEngine(EMBEDDED_MODEL, tensor_parallel=2)


def test_a_completion_ends_with_the_chat_models_stop_token(engine: VllmEngine) -> None:
    messages = [{"role": "user", "content": "Say hello in one word."}]
    prompt = engine.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)

    made = run(engine, [Row("chat", str(prompt), (), 1)], Sampling(max_new_tokens=40, temperature=0))["chat"]

    assert made.stop_reason == "eos"
    assert made.token_ids[-1] == token_ids(engine.tokenizer, "<|im_end|>")[-1]
    assert "im_end" not in made.text


def test_prompts_that_do_not_fit_are_named(
    engine: VllmEngine, vectors: "dict[str, tuple[SteeringVector, ...]]"
) -> None:
    long = Row("long", "word " * 9_000, (), 1, place="prompts[3]")

    with pytest.raises(ModelError, match=r"prompts\[3\] is 9\d+ tokens long .* context of 8192"):
        run(engine, [long], Sampling())
    with pytest.raises(ModelError, match=r"prompts\[4\] is 2 tokens long .* position 3"):
        run(engine, [Row("short", "I", vectors["explicit"], 1, place="prompts[4]")], Sampling())


def test_vllm_that_ignores_vectors_is_stopped_before_anything_is_generated(
    engine: VllmEngine,
    vectors: "dict[str, tuple[SteeringVector, ...]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vllm_engine, "AddShift", lambda _shift: _ignore)
    monkeypatch.setattr(engine, "_checked_layers", set())

    with pytest.raises(ModelError, match="at layer 5, a row with a vector at its prompt did not change"):
        engine.generate([Row("love", PROMPT, vectors["front"], 1)], Sampling(), batch_size=4, on_tokens=print)


def test_a_text_whose_hook_failed_is_refused(
    engine: VllmEngine,
    vectors: "dict[str, tuple[SteeringVector, ...]]",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(engine, [Row("love", PROMPT, vectors["front"], 1)], Sampling(max_new_tokens=2))
    monkeypatch.setattr(vllm_engine, "AddShift", lambda _shift: _fail)

    with pytest.raises(ModelError, match="not a steered one"):
        run(engine, [Row("love", PROMPT, vectors["front"], 1)], Sampling(max_new_tokens=2))


def loader(engine: "GenerationEngine") -> Loader:
    return lambda _name: engine


def _ignore(_ctx: object, _hidden: object) -> None:
    return None


def _fail(_ctx: object, _hidden: object) -> None:
    raise ValueError


def test_a_study_of_conversations_with_prefixes_is_generated_and_keeps_its_engine(
    study: Study, engine: VllmEngine, embedded_engine: "TorchEngine", tmp_path: Path
) -> None:
    turns = (Turn("user", "My name is Ada."), Turn("user", "Name a colour."))
    steered = {"kind": "steered", "additions": [{"prompt": "Love", "coeff": 4, "act_name": 6}]}
    prompted = {"kind": "prompted", "prefix": "Be kind. "}
    declared = {
        **study.model_dump(exclude={"prompts"}),
        "chat": True,
        "rated": "conversation",
        "items": [Item(turns=turns)],
        "prompts": [Item(turns=turns).prompt],
        "arms": [{"kind": "unsteered"}, steered, prompted],
        "sampling": {"samples_per_prompt": 2, "max_new_tokens": 8, "temperature": 0},
        "analysis": {},
    }
    conversations = Study.model_validate(declared)
    texts = {}
    for name, loaded in (("vllm", engine), ("torch", embedded_engine)):
        databases = Databases(
            rating_url=f"sqlite:///{tmp_path / name}-r.db", sealed_url=f"sqlite:///{tmp_path / name}-s.db"
        )
        options = GenerationOptions(engine=EngineName(name))
        generate_study(databases, conversations, tmp_path, options, load=loader(loaded))
        with disposing(open_sealed(databases.sealed_url)) as sealed, reading(sealed) as session:
            rows = list(session.scalars(select(CompletionRow)))
            texts[name] = {(row.arm, row.sample): (row.text, row.nll) for row in rows}
            assert {row.versions["engine"] for row in rows} == {name}
            assert len(read_replies(rows[0].text)) == 2

    assert {key: text for key, (text, _) in texts["vllm"].items()} == {
        key: text for key, (text, _) in texts["torch"].items()
    }
    for key, (_, nll) in texts["vllm"].items():
        assert nll == pytest.approx(texts["torch"][key][1], abs=0.011)  # two decimals

    databases = Databases(rating_url=f"sqlite:///{tmp_path}/r.db", sealed_url=f"sqlite:///{tmp_path}/s.db")
    generate_study(databases, conversations, tmp_path, GenerationOptions(limit=3), load=lambda _: engine)
    with pytest.raises(StateError, match="by the engine vllm"):
        generate_study(
            databases, conversations, tmp_path, GenerationOptions(), load=lambda _: embedded_engine
        )
