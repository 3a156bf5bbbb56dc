"""The engine that generates with vLLM, and steers with vllm-lens: one continuous batch of all arms.

Vectors are computed by a TransformerBridge, which is freed before vLLM loads the model. vLLM draws tokens
with its own random numbers, one generator for each request, seeded with the completion's seed.
"""

import gc
import os
import pickle
import platform
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import fmean
from typing import Any, TypeVar

import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from rater.errors import ModelError
from rater.generate.completion_store import Versions
from rater.generate.engines.canary import TwoLogprobs, check_canary
from rater.generate.engines.protocol import EngineName, require_vllm
from rater.generate.engines.torch_engine import peak_memory_of_process
from rater.generate.engines.vllm_mapping import AddShift, layer_shifts, output_layer, require_steered
from rater.generate.engines.vllm_penalties import PENALTIES, PROCESSOR, Penalties
from rater.generate.estimate import read_checkpoint
from rater.steering.additions import resolve
from rater.steering.batch import Completion, Row
from rater.steering.bridge import load_model, model_source
from rater.steering.draw import SamplingParameters
from rater.steering.placement import ALL_GPUS
from rater.steering.positions import require_fit
from rater.steering.prompts import new_text, require_bos, token_ids
from rater.steering.vectors import SteeringVector
from rater.study.additions import AnyAddition

K = TypeVar("K")
# Sequences of more tokens are allowed where a prompt needs them; keys and values of one must fit into memory.
_MIN_CONTEXT = 4096
# Read by vLLM when it is imported or loads a model; a user's own values are kept.
_ENVIRONMENT = {
    # In this process: random numbers and hooks do not depend on the order of messages between processes.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # vllm-lens needs the model runner of the first version (UKGovernmentBEIS/vllm-lens#28).
    "VLLM_USE_V2_MODEL_RUNNER": "0",
    "VLLM_LENS_STRICT_COMPATIBILITY": "0",
    "VLLM_CPU_KVCACHE_SPACE": "1",  # in GiB
    "VLLM_LOGGING_LEVEL": "ERROR",
}
# Its processes on a CPU may share cores; otherwise vLLM asks for a NUMA node for each.
_OF_SEVERAL = {"VLLM_CPU_OMP_THREADS_BIND": "nobind"}
_CANARY_TEXT = "I went up to my friend and said"


@dataclass(frozen=True)
class _Request:
    """A sequence for vLLM."""

    ids: list[int]
    shifts: str | None
    """The key of its hooks; None for an unsteered one."""
    options: dict[str, Any]
    """Sampling parameters of vLLM."""


class VllmEngine:
    """A `GenerationEngine` on vLLM.

    Args:
        name: The model: the embedded one, a folder or a name on the hub.
        dtype: The type of the weights; None for the checkpoint's.
        tensor_parallel: The number of GPUs that share each layer.

    Raises:
        ModelError: vLLM or the model's tokenizer is not installed, or has no BOS token; or the model cannot
            be divided over that number of GPUs, or there are fewer.
    """

    def __init__(self, name: str, *, dtype: str | None = None, tensor_parallel: int = 1) -> None:
        require_vllm()
        for variable, value in (_ENVIRONMENT | (_OF_SEVERAL if tensor_parallel > 1 else {})).items():
            os.environ.setdefault(variable, value)
        self._name, self._source = name, model_source(name)
        self._tensor_parallel = tensor_parallel
        try:
            self._config = AutoConfig.from_pretrained(self._source)
            tokenizer = AutoTokenizer.from_pretrained(self._source)
        except (OSError, ValueError) as error:
            msg = f"The model {name!r} could not be loaded: {str(error).strip().splitlines()[0]}"
            raise ModelError(msg) from error
        require_bos(tokenizer, name)
        self._require_divisible()
        self._tokenizer: PreTrainedTokenizerBase = tokenizer
        checkpoint = read_checkpoint(name)
        declared = str(getattr(self._config, "dtype", None) or "float32").removeprefix("torch.")
        self._dtype = dtype or (checkpoint.dtype if checkpoint else declared)
        self._bridge: TransformerBridge | None = None
        self._llm: Any = None
        self._max_len = 0
        self._checked_layers: set[int] = set()

    def _require_divisible(self) -> None:
        """Check that the GPUs are there, and that they can share the heads; vLLM fails while it loads."""
        n, n_heads = self._tensor_parallel, int(self._config.num_attention_heads)
        if n_heads % n:
            valid = ", ".join(str(each) for each in range(1, n_heads + 1) if n_heads % each == 0)
            msg = (
                f"tensor_parallel is {n}, but {self._name} has {n_heads} attention heads, which must be "
                f"shared equally; valid: {valid}."
            )
            raise ModelError(msg)
        if n > 1 and self.device == "cuda" and torch.cuda.device_count() < n:
            msg = f"tensor_parallel is {n}, but there are {torch.cuda.device_count()} GPUs here."
            raise ModelError(msg)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer."""
        return self._tokenizer

    @property
    def device(self) -> str:
        """The device that the installed vLLM was built for: cpu or cuda."""
        from vllm.platforms import current_platform  # noqa: PLC0415 (an optional extra)

        return str(current_platform.device_type)

    @property
    def versions(self) -> Versions:
        """Versions of the packages, and the device and dtype of the weights."""
        import vllm  # noqa: PLC0415 (an optional extra)

        packages = ("rater", "torch", "transformers", "transformer_lens", "vllm_lens")
        shared = {"tensor_parallel": str(self._tensor_parallel)} if self._tensor_parallel > 1 else {}
        return {
            "engine": EngineName.VLLM.value,
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
            "vllm": str(vllm.__version__),
            "device": self.device,
            "dtype": f"torch.{self._dtype}",
            **shared,
        }

    def peak_bytes(self) -> int:
        """Return PyTorch's largest allocation on this process' GPU, or the process' largest memory."""
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else peak_memory_of_process()

    def resolve(self, additions: Sequence[AnyAddition], *, place: str) -> tuple[SteeringVector, ...]:
        """Compute vectors with a TransformerBridge, which is loaded for the first of them.

        Raises:
            ModelError: an addition does not fit the model, or vLLM cannot make it.
        """
        if not additions:
            return ()
        if self._bridge is None:
            # a model that needs several GPUs here needs them there
            where = ALL_GPUS if self._tensor_parallel > 1 and self.device == "cuda" else self.device
            self._bridge = load_model(self._name, device=where, dtype=getattr(torch, self._dtype))
        vectors = resolve(self._bridge, additions, place=place)
        for vector in vectors:
            output_layer(vector.hook_point, place)
        return tuple(vector.to("cpu") for vector in vectors)

    def generate(
        self,
        rows: Sequence[Row[K]],
        sampling: SamplingParameters,
        *,
        batch_size: int,
        on_tokens: Callable[[int], None],
    ) -> Iterator[Completion[K]]:
        """Generate completions, as many at a time as the batch size; vLLM batches them continuously.

        The first call loads vLLM. The first call with a layer checks it with the canary.

        Args:
            rows: The completions to generate.
            sampling: A study's `Sampling`.
            batch_size: Number of completions that are given to vLLM together.
            on_tokens: Called with the number of tokens of each of these groups.

        Raises:
            ModelError: a prompt, its additions and the context do not fit each other, or vLLM does not steer;
                nothing is generated then.
        """
        prompts = [token_ids(self._tokenizer, row.prompt) for row in rows]
        for row, ids in zip(rows, prompts, strict=True):
            self._check(row, ids, sampling)
        self._load(max((len(ids) for ids in prompts), default=0) + sampling.max_new_tokens)
        self._require_steering([vector for row in rows for vector in row.vectors])
        return self._run(list(zip(rows, prompts, strict=True)), sampling, batch_size, on_tokens)

    def unsteered_nlls(self, completions: Sequence[Completion[Any]], prompts: Sequence[str]) -> list[float]:
        """Return the mean NLL of completions under the unsteered model.

        Unsteered rows were measured while they were generated. The others cost a prefill of prompt and
        completion, all of them in one batch.
        """
        lacking = [
            (token_ids(self._tokenizer, prompt), list(made.token_ids))
            for made, prompt in zip(completions, prompts, strict=True)
            if made.nll is None or made.prompt != prompt
        ]
        requests = [_Request(ids + new[:-1], None, _forced(new[-1:], len(new) > 1)) for ids, new in lacking]
        outputs = self._submit(requests)
        measured = iter(
            [
                -fmean([*_prompt_logprobs(output, len(ids)), *_own_logprobs(output)])
                for output, (ids, _) in zip(outputs, lacking, strict=True)
            ]
        )
        return [
            next(measured) if made.nll is None or made.prompt != prompt else made.nll
            for made, prompt in zip(completions, prompts, strict=True)
        ]

    def _check(self, row: Row[Any], ids: Sequence[int], sampling: SamplingParameters) -> None:
        """Check that a prompt has the tokens its additions need, and fits the context with its completion."""
        context = int(getattr(self._config, "max_position_embeddings", 0) or self._config.n_positions)
        if not row.prompt:
            msg = f"{row.place} is empty, but the model needs at least one character to continue."
            raise ModelError(msg)
        if len(ids) + sampling.max_new_tokens > context:
            msg = (
                f"{row.place} is {len(ids)} tokens long with BOS and {sampling.max_new_tokens} new tokens "
                f"are to be generated, but {self._name} has a context of {context}; shorten either."
            )
            raise ModelError(msg)
        for vector in row.vectors:
            require_fit(vector, len(ids), row.place)

    def _load(self, n_needed: int) -> None:
        """Load vLLM, once; again where a longer sequence is needed."""
        if self._llm is not None and n_needed <= self._max_len:
            return
        self._bridge = self._llm = None
        gc.collect()  # a model refers to itself
        if self.device == "cuda":
            torch.cuda.empty_cache()
        from vllm import LLM  # noqa: PLC0415 (an optional extra; importing it takes seconds)

        context = int(getattr(self._config, "max_position_embeddings", 0) or self._config.n_positions)
        self._max_len = min(context, max(_MIN_CONTEXT, n_needed))
        self._llm = LLM(
            model=self._source,
            dtype=self._dtype,
            seed=0,
            tensor_parallel_size=self._tensor_parallel,
            max_model_len=self._max_len,
            max_num_batched_tokens=max(8192, self._max_len),
            enforce_eager=True,  # a compiled graph has no hooks
            enable_chunked_prefill=False,  # see AddShift
            enable_prefix_caching=False,  # keys and values of a steered prompt are not those of the plain one
            generation_config="vllm",  # no sampling parameters of the checkpoint's authors
            disable_log_stats=True,
            logits_processors=[PROCESSOR],
        )
        self._llm.collective_rpc("install_hooks")

    def _require_steering(self, vectors: Sequence[SteeringVector]) -> None:
        """Check each layer that has vectors for the first time with the canary."""
        layers = {output_layer(vector.hook_point, "A vector") for vector in vectors} - self._checked_layers
        if layers:
            token = token_ids(self._tokenizer, _CANARY_TEXT)[-1]
            check_canary(
                lambda rows: self.token_logprobs([(_CANARY_TEXT, row, token) for row in rows]),
                sorted(layers),
                int(self._config.hidden_size),
            )
            self._checked_layers |= layers

    def token_logprobs(
        self, cases: Sequence[tuple[str, tuple[SteeringVector, ...], int]]
    ) -> list[TwoLogprobs]:
        """Return the log-probability of a token right after a prompt, and again after that token.

        All cases are in one batch; the canary is not run.

        Args:
            cases: Prompts with their vectors and the token.
        """
        ids = [token_ids(self._tokenizer, prompt) for prompt, _, _ in cases]
        self._load(max(map(len, ids)) + 2)
        with _Hooks(self._llm) as hooks:
            requests = [
                _Request(own, hooks.key(vectors, len(own)), _forced([token, token]))
                for own, (_, vectors, token) in zip(ids, cases, strict=True)
            ]
            outputs = self._submit(requests)
        return [TwoLogprobs(*_own_logprobs(output)) for output in outputs]

    def _run(
        self,
        rows: Sequence[tuple[Row[K], list[int]]],
        sampling: SamplingParameters,
        batch_size: int,
        on_tokens: Callable[[int], None],
    ) -> Iterator[Completion[K]]:
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            with _Hooks(self._llm) as hooks:
                requests = [
                    _Request(ids, hooks.key(row.vectors, len(ids)), self._options(row, sampling))
                    for row, ids in some
                ]
                outputs = self._submit(requests)
                made = [
                    self._complete(row, ids, output) for (row, ids), output in zip(some, outputs, strict=True)
                ]
                for (row, ids), output in zip(some, outputs, strict=True):
                    if row.vectors:
                        counts = hooks.counts(output.request_id)
                        n_new = len(output.outputs[0].token_ids)
                        require_steered(counts, n_prompt=len(ids), n_new=n_new, place=row.place)
            on_tokens(sum(len(each.token_ids) for each in made))
            yield from made

    def _options(self, row: Row[Any], sampling: SamplingParameters) -> dict[str, Any]:
        penalties = Penalties.of(sampling)
        declared = [penalties.frequency_penalty, penalties.presence_penalty]
        return {
            "max_tokens": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or 0,
            "seed": row.seed,
            "stop_token_ids": sorted(self._stops),
            "logprobs": None if row.vectors else 0,
            "extra_args": {PENALTIES: declared} if penalties else {},
        }

    @property
    def _stops(self) -> frozenset[int]:
        """The tokens that end a completion, as in the torch engine."""
        try:
            declared = GenerationConfig.from_pretrained(self._source).eos_token_id
        except OSError:  # the checkpoint has none
            declared = getattr(self._config, "eos_token_id", None)
        listed = declared if isinstance(declared, list) else [declared]
        return frozenset(int(t) for t in [*listed, self._tokenizer.eos_token_id] if t is not None)

    def _complete(self, row: Row[K], ids: list[int], output: Any) -> Completion[K]:
        new = output.outputs[0].token_ids
        return Completion(
            key=row.key,
            prompt=row.prompt,
            token_ids=tuple(new),
            text=new_text(self._tokenizer, ids, new),
            stop_reason="eos" if new[-1] in self._stops else "length",
            nll=None if row.vectors else -fmean(_own_logprobs(output)),
        )

    def _submit(self, requests: Sequence[_Request]) -> list[Any]:
        """Generate requests in one continuous batch; return vLLM's outputs in their order."""
        from vllm import SamplingParams  # noqa: PLC0415 (an optional extra)

        if not requests:
            return []
        params = []
        for each in requests:
            # vllm-lens finds a request's hooks by this key. Its own way to give hooks to a request stores
            # them once for each request, and searches all of them for each request, layer and step.
            hooked = {} if each.shifts is None else {"_hook_id": each.shifts}
            extra = {**each.options.get("extra_args", {}), **hooked}
            options = {**each.options, "extra_args": extra or None}
            # Stop tokens are all given, so that vLLM needs no end of its own.
            params.append(SamplingParams(detokenize=False, ignore_eos=True, **options))
        prompts = [{"prompt_token_ids": each.ids} for each in requests]
        return list(self._llm.generate(prompts, params, use_tqdm=False))


class _Hooks:
    """The hooks of a group of requests, shared by rows with the same vectors and prompt length."""

    def __init__(self, llm: Any) -> None:
        self._llm = llm
        self._keys: dict[tuple[tuple[SteeringVector, ...], int], str] = {}

    def __enter__(self) -> "_Hooks":
        return self

    def __exit__(self, *_: object) -> None:
        for key in self._keys.values():
            self._llm.collective_rpc("clear_hook_data", args=(key,))

    def key(self, vectors: tuple[SteeringVector, ...], n_prompt: int) -> str | None:
        """Return the key of the hooks for a row's vectors and prompt length; None without vectors."""
        import cloudpickle  # noqa: PLC0415 (comes with vllm-lens)
        from vllm_lens import Hook  # noqa: PLC0415 (an optional extra)

        if not vectors:
            return None
        if (vectors, n_prompt) not in self._keys:
            key = self._keys[vectors, n_prompt] = f"rater-{len(self._keys)}"
            hooks = [
                Hook(fn=AddShift(shift), layer_indices=[shift.layer])
                for shift in layer_shifts(vectors, n_prompt)
            ]
            self._llm.collective_rpc("set_hook_data", args=(key, cloudpickle.dumps(hooks)))
        return self._keys[vectors, n_prompt]

    def counts(self, request_id: str) -> list[dict[str, int]]:
        """Return what the hooks of a finished request saved."""
        payloads = self._llm.collective_rpc("get_hook_results", args=(request_id,))
        ranks = [pickle.loads(each) for each in payloads if each is not None]  # noqa: S301 (of our own worker)
        return list(ranks[0].values()) if ranks else []


def _forced(tokens: Sequence[int], with_prompt: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 (private)
    """Return the sampling parameters that generate given equal tokens, and report their log-probabilities."""
    return {
        "max_tokens": len(tokens),
        "temperature": 0,
        "allowed_token_ids": [tokens[0]],
        "logprobs": 0,
        "prompt_logprobs": 0 if with_prompt else None,
    }


def _own_logprobs(output: Any) -> list[float]:
    """Return the log-probabilities of generated tokens, before temperature and penalties."""
    own = output.outputs[0]
    return [
        float(logprobs[token].logprob) for token, logprobs in zip(own.token_ids, own.logprobs, strict=True)
    ]


def _prompt_logprobs(output: Any, start: int) -> list[float]:
    """Return the log-probabilities of the tokens of a prompt from a position on."""
    if output.prompt_logprobs is None:
        return []
    listed = zip(output.prompt_token_ids, output.prompt_logprobs, strict=True)
    return [float(logprobs[token].logprob) for token, logprobs in list(listed)[start:]]
