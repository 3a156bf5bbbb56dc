"""`rater sweep`: find a layer and coefficient with an effect and without degenerate text."""

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from rater.cli.model import device_option, dtype_option, load_model, require_torch
from rater.cli.options import OutputFile, concept_option, number_of_concept, require_one_reply
from rater.cli.workers import WorkerOptions, read_workers, workers_options
from rater.errors import ModelError, StudyError, TableError, nearest

if TYPE_CHECKING:
    from rater.cli.metrics import Scoring
    from rater.cli.sweep_tables import SweepTerms
    from rater.steering.sweep_results import SweepDetailsFile, SweepOutcome, SweepSetting
    from rater.study.arms import Steered
    from rater.study.study import Study

_POSITIONS = ("front", "mid", "back")


class Layers(click.ParamType[tuple[int, ...]]):
    """Layer numbers, and ranges of them in Python's slice notation."""

    name = "layers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Parse ``2:20:2,25``; a range excludes its end."""
        try:
            found = [number for part in str(value).split(",") for number in _numbers(part)]
        except ValueError:
            found = []
        if not found or min(found) < 0:
            self.fail(
                f"{value!r} is not a list of layers; valid: numbers and ranges such as 6 or 2:20:2,25.",
                param,
                ctx,
            )
        return tuple(dict.fromkeys(found))


class Coeffs(click.ParamType[tuple[float, ...]]):
    """Comma-separated coefficients."""

    name = "coeffs"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Parse ``-10,-5,5,10``."""
        try:
            found = tuple(dict.fromkeys(float(part) for part in str(value).split(",")))
        except ValueError:
            found = (math.nan,)
        if not all(map(math.isfinite, found)):
            self.fail(f"{value!r} is not a list of numbers; valid: -10,-5,5,10.", param, ctx)
        return found


@click.command(short_help="Measure an arm at many layers and coefficients.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--layers", required=True, type=Layers(), help="Layers, such as 2:20:2 (20 is excluded).")
@click.option("--coeffs", required=True, type=Coeffs(), help="Coefficients, such as -10,-5,5,10.")
@click.option(
    "--positions",
    default=("front",),
    multiple=True,
    show_default=True,
    type=click.Choice(_POSITIONS),
    help="Position in the prompt; may be repeated.",
)
@click.option("--arm", "arm_name", help="Name of a steered arm.  [default: the first]")
@concept_option
@click.option("--words", help="Effect: occurrences of these words, such as love,joy,family.")
@click.option(
    "--score",
    "score_spec",
    help="Effect: your own function of a text, FILE.py:function or module:function.",
)
@click.option(
    "--classifier", "classifier_model", help="Effect: probability of a label by a text-classification model."
)
@click.option("--positive", help="Labels of the classifier that count, such as toxic,insult.")
@click.option(
    "--texts",
    "texts_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Effect: log probability of the texts of a table (column text, and optionally prompt).",
)
@click.option("--prompts", "n_prompts", type=click.IntRange(1), help="Use only the first N prompts.")
@click.option(
    "--samples", default=2, show_default=True, type=click.IntRange(1), help="Completions per prompt."
)
@click.option("--out", type=OutputFile(), help="Results as CSV.  [default: STUDY-ARM-sweep.csv]")
@click.option("--by-prompt", is_flag=True, help="Keep the results of each prompt, too, in OUT-prompts.csv.")
@click.option("--keep-texts", is_flag=True, help="Keep the completions, in OUT-texts.csv.")
@click.option("--picture", type=OutputFile(".png", ".svg"), help="Draw a heat map to this .png or .svg file.")
@click.option(
    "--lines",
    type=click.Choice(["effect", "nll"]),
    help="Draw lines of the effect or the NLL instead; with --by-prompt, a panel for each prompt.",
)
@click.option(
    "--by",
    default="layer",
    show_default=True,
    type=click.Choice(["layer", "coeff"]),
    help="Horizontal axis of the lines.",
)
@device_option
@dtype_option
@workers_options
def sweep(  # noqa: PLR0913, PLR0917 (one argument for each option)
    file: Path,
    layers: tuple[int, ...],
    coeffs: tuple[float, ...],
    positions: tuple[str, ...],
    arm_name: str | None,
    concept: str | None,
    n_prompts: int | None,
    samples: int,
    out: Path | None,
    picture: Path | None,
    device: str | None,
    dtype: str | None,
    *,
    lines: str | None,
    by: str,
    by_prompt: bool,
    keep_texts: bool,
    **given: Any,
) -> None:
    """Measure the effect of a study's steered arm at each layer, coefficient and position.

    The effect is the number of words from a list, your own function of a text, the probability of a label,
    the log probability of given texts, or by default the KL divergence of the next token. Each setting is
    written to a CSV file as soon as it is measured. You can stop at any time, and run the same command again
    to continue.

    \b
    Example: rater sweep experiments/love_vs_hate.py --layers 2:12:2 --coeffs 4,8,12 --words love,happy
    """
    require_torch()
    from rich.console import Console

    from rater.cli.sweep_pictures import draw_lines, draw_map
    from rater.cli.sweep_tables import print_sweep
    from rater.steering.sweep_results import all_settings
    from rater.study.load import load_study

    workers = read_workers(given)
    _require_consistent(lines, picture, by_prompt=by_prompt, has_texts=given["texts_file"] is not None)
    study = load_study(file)
    require_layers(study, layers)
    require_one_reply(study, "rater sweep")
    of = number_of_concept(study, concept)
    arm = steered_arm(study, arm_name, concept=of)
    job = SweepJob(study, arm, study.prompts_of(of)[:n_prompts], samples, *_effect(**given))
    # the default file is refused like a named one if it cannot be written
    out = out or OutputFile().convert(f"{study.name}-{job.arm.name}-sweep.csv", None, None)
    wanted = all_settings(layers, coeffs, positions)  # type: ignore[arg-type] # click allows these three only
    details = _details(out, job.measured(dtype), by_prompt=by_prompt, keep_texts=keep_texts)
    shown = _outcomes(job, out, wanted, details, source=Source(device, dtype, workers))
    print_sweep(shown, job.terms, Console())
    if picture is None:
        return
    if lines is None:
        draw_map(shown, picture, job)
    else:
        rows = details["prompts"].read_prompts() if by_prompt else []
        rows = [row for row in rows if row.setting in {None, *wanted}]
        draw_lines(rows or shown, picture, job, value=lines, by=by)


def _require_consistent(lines: str | None, picture: Path | None, *, by_prompt: bool, has_texts: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        click.UsageError: they do.
    """
    if lines is not None and picture is None:
        msg = "--lines needs a file for the figure: --picture FILE."
        raise click.UsageError(msg)
    if by_prompt and has_texts:
        msg = "--by-prompt cannot be combined with --texts, whose prompts are not those of the study."
        raise click.UsageError(msg)


def _outcomes(
    job: "SweepJob",
    out: Path,
    wanted: "list[SweepSetting]",
    details: "dict[str, SweepDetailsFile]",
    *,
    source: "Source",
) -> "list[SweepOutcome]":
    """Return the outcomes of the unsteered model and the settings; measure those that are missing."""
    from rater.steering.sweep_results import SweepFile

    table = SweepFile(out, job.measured(source.dtype))
    outcomes = table.read()  # before torch is imported, which takes seconds
    known = {outcome.setting for outcome in outcomes}
    _require_details(details, known & {None, *wanted}, out)
    missing = [setting for setting in wanted if setting not in known]
    if missing or None not in known:
        for measured in _measure(
            job, missing, source, with_unsteered=None not in known, keep_texts="texts" in details
        ):
            outcome = replace(measured, score=measured.text_logprob) if job.given else measured
            # the sweep's own line last: a killed run measures the setting again
            for each in details.values():
                each.append(outcome)
            table.append(outcome)
            outcomes.append(outcome)
    return [outcome for outcome in outcomes if outcome.setting is None or outcome.setting in wanted]


def _details(
    out: Path, measured: dict[str, str], *, by_prompt: bool, keep_texts: bool
) -> "dict[str, SweepDetailsFile]":
    """Return the further files of a sweep that are asked for."""
    from rater.steering.sweep_results import SweepDetailsFile

    kinds: dict[Literal["prompts", "texts"], bool] = {"prompts": by_prompt, "texts": keep_texts}
    return {
        kind: SweepDetailsFile(out.with_name(f"{out.stem}-{kind}{out.suffix}"), measured, kind)
        for kind, is_wanted in kinds.items()
        if is_wanted
    }


def _require_details(
    details: "dict[str, SweepDetailsFile]", known: "set[SweepSetting | None]", out: Path
) -> None:
    """Refuse further files of settings that were measured without them.

    Raises:
        ModelError: a setting is in the file of the sweep, and not in a further file.
    """
    for kind, file in details.items():
        lacking = known - file.read_settings()
        if lacking:
            option = "--by-prompt" if kind == "prompts" else "--keep-texts"
            msg = (
                f"{out} has {len(lacking)} settings that were measured without {option}. Name another file "
                "with --out."
            )
            raise ModelError(msg)


@dataclass(frozen=True)
class SweepJob:
    """The arm, texts and effect of a sweep."""

    study: "Study"
    arm: "Steered"
    prompts: "tuple[str, ...]"
    samples: int
    scoring: "Scoring | None"
    given: "tuple[tuple[str, str], ...]" = ()
    """Prompts and given texts after them."""

    def measured(self, dtype: str | None) -> dict[str, str]:
        """Return a description of the measurements, by which a file with other measurements is refused."""
        sampling = self.study.sampling.model_dump(mode="json", exclude={"samples_per_prompt"})
        return {
            "model": self.study.model,
            "chat": str(self.study.chat),
            "dtype": dtype or "own",
            "arm": self.arm.name,
            "additions": digest(self.arm.model_dump_json(include={"additions"})),
            "prompts": f"{len(self.prompts)} ({digest(json.dumps(self.prompts))})",
            "samples": str(self.samples),
            "sampling": " ".join(f"{name}={value}" for name, value in sampling.items()),
            "effect": self.effect,
        }

    @property
    def effect(self) -> str:
        """A text that identifies the effect."""
        if self.given:
            return f"log probability of {len(self.given)} texts ({digest(json.dumps(self.given))})"
        return "KL" if self.scoring is None else self.scoring.digest

    @property
    def texts(self) -> str:
        """The number of texts of a setting, in words."""
        from rater.analysis.sentences import counted

        return f"{counted(len(self.prompts), 'prompt')} × {counted(self.samples, 'sample')}"

    @property
    def effect_label(self) -> str:
        """The effect, for tables and figures."""
        if self.given:
            return f"log probability of {len(self.given)} given texts, nats per token"
        return self.scoring.label if self.scoring else "KL divergence of the next token, nats"

    @property
    def terms(self) -> "SweepTerms":
        """The terms for the sweep's columns."""
        from rater.cli.sweep_tables import SweepTerms

        additions = [
            each for addition in self.arm.additions for each in getattr(addition, "likes", (addition,))
        ]
        when = {str(getattr(each, "when", None)) for each in additions}
        everywhere = {"all": "all tokens", "generated": "generated tokens"}
        return SweepTerms(
            effect=self.effect_label,
            strength="relative" if any(getattr(each, "relative", None) for each in additions) else "coeff",
            places={
                position: f"{position} of the prompt" if "prompt" in when else everywhere[min(when)]
                for position in _POSITIONS
            },
        )


def digest(text: str) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _effect(
    *,
    words: str | None,
    score_spec: str | None,
    classifier_model: str | None,
    positive: str | None,
    texts_file: Path | None,
) -> "tuple[Scoring | None, tuple[tuple[str, str], ...]]":
    """Return the measure of the effect, and given texts; at most one option sets the effect."""
    from rater.cli.metrics import classify, count, load_score, split_words

    options = {
        "--words": words,
        "--score": score_spec,
        "--classifier": classifier_model,
        "--texts": texts_file,
    }
    given = [name for name, value in options.items() if value is not None]
    if len(given) > 1:
        msg = f"{given[0]} and {given[1]} both set the effect; give one of them."
        raise click.UsageError(msg)
    if positive is not None and classifier_model is None:
        msg = "--positive names labels of a classifier: use it with --classifier."
        raise click.UsageError(msg)
    if words is not None:
        return count(words), ()
    if score_spec is not None:
        return load_score(score_spec), ()
    if classifier_model is not None:
        labels = None if positive is None else split_words(positive, option="--positive")
        return classify(classifier_model, labels), ()
    return None, () if texts_file is None else _read_given(texts_file)


def _read_given(file: Path) -> "tuple[tuple[str, str], ...]":
    """Read the prompts and texts of a table.

    Raises:
        TableError: it cannot be read, or a text is missing.
    """
    from rater.tables import Dialect, read_table
    from rater.tables.table import cell_text
    from rater.tables.write import restore_table

    table = restore_table(read_table(file, Dialect(skips_blanks=False)))
    texts = [cell_text(value) for value in table.column("text")]
    prompts = [cell_text(value) or "" for value in table.columns.get("prompt", [None] * len(table))]
    empty = next((row for row, text in enumerate(texts) if not text), None)
    if empty is not None or not texts:
        where = str(file) if empty is None else table.where(empty)
        msg = f"{where} has no text; valid: a text in the column text of each row"
        raise TableError(msg)
    return tuple((prompt, str(text)) for prompt, text in zip(prompts, texts, strict=True))


def _measure(
    job: SweepJob,
    settings: "list[SweepSetting]",
    source: "Source",
    *,
    with_unsteered: bool,
    keep_texts: bool,
) -> "Iterator[SweepOutcome]":
    """Measure settings, with a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("settings, left:"), TimeRemainingColumn())
    click.echo(f"Measuring arm {job.arm.name}: {len(settings)} settings of {job.texts} each.", err=True)
    measurements = {
        "prompts": job.prompts,
        "additions": job.arm.additions,
        "sampling": job.study.sampling.model_copy(update={"samples_per_prompt": job.samples}),
        "chat": job.study.chat,
        "score": None if job.scoring is None else job.scoring.function,
        "texts": job.given,
        "keep_texts": keep_texts,
        "with_unsteered": with_unsteered,
    }
    with (
        source.outcomes(job.study.model, settings, measurements) as outcomes,
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("", total=len(settings) + with_unsteered)
        for outcome in outcomes:
            setting = outcome.setting
            where = (
                f"layer {setting.layer}, {setting.coeff:g}, {setting.position}" if setting else "unsteered"
            )
            measured = (
                f"effect {outcome.effect:.2f}, NLL {outcome.nll:.2f}, repetition {outcome.repetition:.2f}"
            )
            progress.console.print(f"{where}: {measured}", highlight=False)
            progress.advance(task)
            yield outcome


@dataclass(frozen=True)
class Source:
    """The model of a sweep, in this process or in workers."""

    device: str | None
    dtype: str | None
    workers: WorkerOptions

    @contextlib.contextmanager
    def outcomes(
        self, model: str, settings: "list[SweepSetting]", measurements: dict[str, Any]
    ) -> "Iterator[Iterator[SweepOutcome]]":
        """Measure settings for a block, in which the workers run."""
        with self.workers.open(device=self.device, n_gpus=1) as runner:
            if runner is None:
                from rater.steering.sweeps import sweep as measure

                yield measure(load_model(model, self.device, self.dtype), settings=settings, **measurements)
            else:
                from rater.steering.sweep_workers import ModelSource, sweep_with_workers

                source = ModelSource(model, self.device, self.dtype)
                yield sweep_with_workers(runner, source, settings, **measurements)


def require_layers(study: "Study", layers: tuple[int, ...]) -> None:
    """Refuse layers that the model lacks, if this is known before it is loaded."""
    from rater.embedded_model import count_layers

    n_layers = count_layers(study.model)
    absent = [layer for layer in layers if n_layers is not None and layer >= n_layers]
    if absent and n_layers is not None:
        msg = f"--layers has {absent[0]}, but {study.model} has layers 0–{n_layers - 1}."
        raise StudyError(msg)


def steered_arm(study: "Study", name: str | None, *, concept: int = 0) -> "Steered":
    """Return a study's steered arm of a name, or the first; of a study with concepts, as it is for one.

    Raises:
        StudyError: the study has no steered arm, or none of that name.
    """
    from rater.study.arms import Steered

    steered = {arm.name: arm for arm in study.concrete_arms[concept] if isinstance(arm, Steered)}
    if not steered:
        msg = f"Study {study.name} has no steered arm, which a sweep needs; add a Steered(…)."
        raise StudyError(msg)
    if name is None:
        return next(iter(steered.values()))
    if name not in steered:
        msg = f"--arm is {name!r}, which is not a steered arm of {study.name}.{nearest(name, steered)}"
        raise StudyError(msg)
    return steered[name]


def _numbers(part: str) -> range:
    bounds = [int(bound) for bound in part.split(":")]
    return range(bounds[0], bounds[0] + 1) if len(bounds) == 1 else range(*bounds)
