"""Completions, outcomes and effects as data frames, and completions as files."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
from pydantic import TypeAdapter
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.bridge import model_name
from rater.steering.completions import Additions, ArmCompletion, Measurements, RepeatedSampling
from rater.steering.corpus import TextEffect
from rater.steering.corpus_results import CorpusOutcome
from rater.steering.lens import LayerPrediction
from rater.steering.positions import Touch, describe_touches
from rater.steering.sweep_results import PromptOutcome, SweepOutcome, SweepText
from rater.steering.tokens import TokenEffect
from rater.steering.vector_files import model_fingerprint, tokenizer_fingerprint
from rater.steering.vectors import SteeringVector
from rater.study.additions import Addition, AnyAddition
from rater.study.arms import ModelArm
from rater.tables.read import HEADER

Rows: TypeAlias = (
    Sequence[ArmCompletion]
    | Sequence[SweepOutcome]
    | Sequence[PromptOutcome]
    | Sequence[SweepText]
    | Sequence[TokenEffect]
    | Sequence[TextEffect]
    | Sequence[CorpusOutcome]
    | Sequence[LayerPrediction]
)
_FORMAT = "rater completions 1"


def to_frame(rows: Rows) -> pd.DataFrame:
    """Return completions, outcomes, or effects on tokens or texts as a data frame, with a row for each.

    Measurements are columns of their own, empty where nothing was measured; the tokens to which something was
    added are a text. llm-steering names some columns of completions otherwise: `prompts` is `prompt` here,
    `completions` is `text`, and `is_modified` is `arm`. Its `loss` is the mean over prompt and completion,
    under the steered model where it was steered; `nll` is over the completion alone, under the unsteered
    model. ``text_nll(model, "", prompt + text, additions)`` is its loss.

    Raises:
        ModelError: there are no rows, or rows of several or other kinds.
    """
    given: object = rows
    listed = list(given) if isinstance(given, list | tuple) else []
    kinds = {type(row) for row in listed}
    make = _COLUMNS.get(next(iter(kinds))) if len(kinds) == 1 else None
    if make is None:
        found = ", ".join(sorted(kind.__name__ for kind in kinds)) or "none"
        valid = ", ".join(sorted(kind.__name__ for kind in _COLUMNS))
        msg = f"rows are of the kind {found}; valid: one or more of one of the kinds {valid}."
        raise ModelError(msg)
    return pd.DataFrame([make(row) for row in listed])


def _of_completion(made: ArmCompletion) -> dict[str, object]:
    measured = made.measurements
    return {
        "arm": made.arm,
        "prompt": made.prompt,
        "sample": made.sample,
        "text": made.text,
        "seed": made.seed,
        "stop_reason": made.stop_reason,
        "n_tokens": len(made.token_ids) if made.seed is not None else None,
        "n_words": measured.n_words if measured else None,
        "nll": measured.nll if measured else None,
        "repetition": measured.repetition if measured else None,
        "touched": describe_touches(made.touched),
        "token_ids": list(made.token_ids),
    }


def _of_outcome(outcome: SweepOutcome | PromptOutcome) -> dict[str, object]:
    setting = outcome.setting
    return {
        "layer": setting.layer if setting else None,
        "coeff": setting.coeff if setting else None,
        "position": setting.position if setting else None,
        **{name: value for name, value in vars(outcome).items() if name not in _NOT_COLUMNS},
        **outcome.metrics,
    }


_NOT_COLUMNS = frozenset({"setting", "metrics", "by_prompt", "texts"})


def _of_text_of_sweep(kept: SweepText) -> dict[str, object]:
    placed = {name: getattr(kept.setting, name, None) for name in ("layer", "coeff", "position")}
    return {**placed, "prompt": kept.prompt, "sample": kept.sample, "text": kept.text}


def _of_effect(effect: TokenEffect) -> dict[str, object]:
    found = effect.focus
    return {
        **{name: value for name, value in vars(effect).items() if name != "focus"},
        "effectiveness": found.effectiveness if found else None,
        "disruption": found.disruption if found else None,
    }


def _of_text(effect: TextEffect) -> dict[str, object]:
    return {
        "arm": effect.arm,
        "label": effect.label,
        "text": effect.text,
        "n_tokens": effect.n_tokens,
        "logprob_unsteered": effect.logprob_unsteered,
        "logprob_steered": effect.logprob_steered,
        "change": effect.change,
        "tokens": list(effect.tokens),
        "unsteered": list(effect.unsteered),
        "steered": list(effect.steered),
        "is_counted": list(effect.is_counted),
    }


def _of_corpus(outcome: CorpusOutcome) -> dict[str, object]:
    setting = outcome.setting
    return {
        "arm": setting if isinstance(setting, str) else None,
        "layer": None if isinstance(setting, str) else setting.layer,
        "coeff": None if isinstance(setting, str) else setting.coeff,
        **{name: value for name, value in vars(outcome).items() if name != "setting"},
        "perplexity_ratio": outcome.perplexity_ratio,
    }


_COLUMNS: dict[type, Callable[[Any], dict[str, object]]] = {
    ArmCompletion: _of_completion,
    SweepOutcome: _of_outcome,
    PromptOutcome: _of_outcome,
    SweepText: _of_text_of_sweep,
    TokenEffect: _of_effect,
    TextEffect: _of_text,
    CorpusOutcome: _of_corpus,
    LayerPrediction: lambda prediction: dict(vars(prediction)),
}


def save_completions(
    path: str | Path,
    completions: Sequence[ArmCompletion],
    model: TransformerBridge,
    *,
    made_by: Sequence[ModelArm] | Mapping[str, Additions],
    sampling: RepeatedSampling,
) -> None:
    """Write completions to a file of JSON lines with a header, completely or not at all.

    The header has the model, its fingerprints, the arms, the sampling and the version. An
    `ExternalCompletions` arm of a study reads the file.

    Args:
        path: The file, ``.jsonl``.
        completions: The completions, as `generate` returns them.
        model: The model that made them.
        made_by: The arms, as `generate` takes them.
        sampling: The sampling, as `generate` takes it.

    Raises:
        ModelError: there are no completions, the name does not end in ``.jsonl``, or the file cannot be
            written.
    """
    path = Path(path)
    if path.suffix != ".jsonl" or not completions:
        msg = (
            f"{path} is to have {len(completions)} completions; valid: one or more, and a name that ends in "
            ".jsonl."
        )
        raise ModelError(msg)
    arms = made_by if isinstance(made_by, Mapping) else {arm.name: arm for arm in made_by}
    header = {
        "format": _FORMAT,
        "model": model_name(model),
        "model_fingerprint": model_fingerprint(model),
        "tokenizer_fingerprint": tokenizer_fingerprint(model),
        "rater": version("rater"),
        "arms": {name: _declared(arm) for name, arm in arms.items()},
        "sampling": {name: getattr(sampling, name) for name in (*_SAMPLING, "samples_per_prompt", "seed")},
    }
    lines = [{HEADER: header}, *map(asdict, completions)]
    try:
        with tempfile.TemporaryDirectory(prefix=".saving-", dir=path.parent) as folder:
            unfinished = Path(folder) / path.name
            unfinished.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
            unfinished.replace(path)
    except OSError as error:
        msg = f"{path} could not be written: {error.strerror or error}. Name another folder."
        raise ModelError(msg) from error


_SAMPLING = ("max_new_tokens", "temperature", "top_p", "top_k", "frequency_penalty", "presence_penalty")


def _declared(arm: ModelArm | Additions) -> object:
    """Return an arm, or its additions, as JSON; vectors of one's own as the text that describes them."""
    if not isinstance(arm, Sequence):
        return arm.model_dump(mode="json")
    adapter: TypeAdapter[AnyAddition] = TypeAdapter(Addition)
    return [
        repr(each) if isinstance(each, SteeringVector) else adapter.dump_python(each, mode="json")
        for each in arm
    ]


def load_completions(path: str | Path) -> list[ArmCompletion]:
    """Read completions from a file that `save_completions` wrote.

    Raises:
        ModelError: it cannot be read, or is not such a file.
    """
    return [_completion(Path(path), number, line) for number, line in enumerate(_lines(path)[1:], start=2)]


def read_completions_header(path: str | Path) -> dict[str, Any]:
    """Return the header of a file of completions.

    Raises:
        ModelError: it cannot be read, or is not such a file.
    """
    header: dict[str, Any] = _lines(path)[0][HEADER]
    return header


def _lines(path: str | Path) -> list[dict[str, Any]]:
    try:
        lines = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
        found = lines[0][HEADER]["format"] if lines else None
    except OSError as error:
        msg = f"The completions in {path} cannot be read: {error.strerror or error}."
        raise ModelError(msg) from error
    except (ValueError, KeyError, TypeError):
        found = None
    if found != _FORMAT:
        msg = f"{path} is not a file of {_FORMAT!r}; valid: one that save_completions wrote."
        raise ModelError(msg)
    return lines


def _completion(path: Path, number: int, line: Mapping[str, Any]) -> ArmCompletion:
    try:
        measured = line["measurements"]
        return ArmCompletion(
            **{
                **line,
                "token_ids": tuple(line["token_ids"]),
                "measurements": measured and Measurements(**measured),
                "touched": tuple(Touch(*touch) for touch in line["touched"]),
            }
        )
    except (TypeError, KeyError) as error:
        msg = f"{path}:{number} is not a completion: {error}; valid: a line that save_completions wrote."
        raise ModelError(msg) from error
