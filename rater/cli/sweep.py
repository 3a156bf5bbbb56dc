"""`rater sweep`: find a layer and coefficient with an effect and without degenerate text."""

import hashlib
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.model import device_option, dtype_option, load_model, require_torch
from rater.cli.options import OutputFile
from rater.errors import StudyError, nearest

if TYPE_CHECKING:
    from rater.cli.metrics import Scoring
    from rater.cli.sweep_tables import SweepTerms
    from rater.steering.sweep_results import SweepOutcome, SweepSetting
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
@click.option("--words", help="Effect: occurrences of these words, such as love,joy,family.")
@click.option(
    "--score",
    "score_spec",
    help="Effect: your own function of a text, FILE.py:function or module:function.",
)
@click.option("--prompts", "n_prompts", type=click.IntRange(1), help="Use only the first N prompts.")
@click.option(
    "--samples", default=2, show_default=True, type=click.IntRange(1), help="Completions per prompt."
)
@click.option("--out", type=OutputFile(), help="Results as CSV.  [default: STUDY-ARM-sweep.csv]")
@click.option("--picture", type=OutputFile(".png", ".svg"), help="Draw a heat map to this .png or .svg file.")
@device_option
@dtype_option
def sweep(  # noqa: PLR0913, PLR0917 (one argument for each option)
    file: Path,
    layers: tuple[int, ...],
    coeffs: tuple[float, ...],
    positions: tuple[str, ...],
    arm_name: str | None,
    words: str | None,
    score_spec: str | None,
    n_prompts: int | None,
    samples: int,
    out: Path | None,
    picture: Path | None,
    device: str | None,
    dtype: str | None,
) -> None:
    """Measure the effect of a study's steered arm at each layer, coefficient and position.

    The effect is the number of words from a list, your own function of a text, or by default the KL
    divergence of the next token. Each setting is written to a CSV file as soon as it is measured. You can
    stop at any time, and run the same command again to continue.

    \b
    Example: rater sweep experiments/love_vs_hate.py --layers 2:12:2 --coeffs 4,8,12 --words love,happy
    """
    require_torch()
    from rater.cli.sweep_tables import print_sweep
    from rater.steering.sweep_results import SweepFile, all_settings
    from rater.study.load import load_study

    study = load_study(file)
    arm = steered_arm(study, arm_name)
    require_layers(study, layers)
    scoring = _scoring(words, score_spec)
    job = _Job(study, arm, study.prompts_of(0)[:n_prompts], samples, scoring)
    # the default file is refused like a named one if it cannot be written
    out = out or OutputFile().convert(f"{study.name}-{arm.name}-sweep.csv", None, None)
    table = SweepFile(out, job.measured(dtype))
    outcomes = table.read()  # before torch is imported, which takes seconds
    wanted = all_settings(layers, coeffs, positions)  # type: ignore[arg-type] # click allows these three only
    known = {outcome.setting for outcome in outcomes}
    missing = [setting for setting in wanted if setting not in known]
    if missing or None not in known:
        for outcome in _measure(job, missing, device, dtype, with_unsteered=None not in known):
            table.append(outcome)
            outcomes.append(outcome)
    shown = [outcome for outcome in outcomes if outcome.setting is None or outcome.setting in wanted]
    from rich.console import Console

    print_sweep(shown, job.terms, Console())
    if picture is not None:
        _draw(shown, picture, job)


@dataclass(frozen=True)
class _Job:
    """The arm, texts and effect of a sweep."""

    study: "Study"
    arm: "Steered"
    prompts: "tuple[str, ...]"
    samples: int
    scoring: "Scoring | None"

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
            "effect": "KL" if self.scoring is None else self.scoring.digest,
        }

    @property
    def texts(self) -> str:
        """The number of texts of a setting, in words."""
        from rater.analysis.sentences import counted

        return f"{counted(len(self.prompts), 'prompt')} × {counted(self.samples, 'sample')}"

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
            effect=self.scoring.label if self.scoring else "KL divergence of the next token, nats",
            strength="relative" if any(getattr(each, "relative", None) for each in additions) else "coeff",
            places={
                position: f"{position} of the prompt" if "prompt" in when else everywhere[min(when)]
                for position in _POSITIONS
            },
        )


def digest(text: str) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _scoring(words: str | None, score_spec: str | None) -> "Scoring | None":
    from rater.cli.metrics import count, load_score

    if words is not None and score_spec is not None:
        msg = "--words and --score both set the effect; give one of them."
        raise click.UsageError(msg)
    if words is not None:
        return count(words)
    return None if score_spec is None else load_score(score_spec)


def _measure(
    job: _Job, settings: "list[SweepSetting]", device: str | None, dtype: str | None, *, with_unsteered: bool
) -> "Iterator[SweepOutcome]":
    """Measure settings, with a progress bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from rater.steering.sweeps import sweep as measure

    n = len(settings) + with_unsteered
    click.echo(f"Measuring arm {job.arm.name}: {len(settings)} settings of {job.texts} each.", err=True)
    sampling = job.study.sampling.model_copy(update={"samples_per_prompt": job.samples})
    outcomes = measure(
        load_model(job.study.model, device, dtype),
        job.prompts,
        job.arm.additions,
        settings,
        sampling=sampling,
        chat=job.study.chat,
        score=None if job.scoring is None else job.scoring.function,
        with_unsteered=with_unsteered,
    )
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("settings, left:"), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=n)
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


def require_layers(study: "Study", layers: tuple[int, ...]) -> None:
    """Refuse layers that the model lacks, if this is known before it is loaded."""
    from rater.embedded_model import count_layers

    n_layers = count_layers(study.model)
    absent = [layer for layer in layers if n_layers is not None and layer >= n_layers]
    if absent and n_layers is not None:
        msg = f"--layers has {absent[0]}, but {study.model} has layers 0–{n_layers - 1}."
        raise StudyError(msg)


def _draw(outcomes: "list[SweepOutcome]", picture: Path, job: _Job) -> None:
    from rater.report.figures.curves import SweepCell, SweepLabels, sketch_sweep
    from rater.report.figures.fonts import plan_fonts
    from rater.report.figures.style import drawing, render

    unsteered = next(outcome for outcome in outcomes if outcome.setting is None)
    terms = job.terms
    cells = [
        SweepCell(
            layer=each.setting.layer,
            coeff=each.setting.coeff,
            place=terms.places[each.setting.position],
            effect=each.effect,
            nll=each.nll,
            is_degenerate=each.is_degenerate(unsteered),
        )
        for each in outcomes
        if each.setting is not None
    ]
    labels = SweepLabels(
        study=job.study.name,
        arm=job.arm.name,
        effect=terms.effect,
        strength=terms.strength,
        unsteered_effect=unsteered.effect,
        unsteered_nll=unsteered.nll,
        n=job.texts,
    )
    fonts = plan_fonts({}, [labels.study, labels.arm, labels.effect, labels.strength])
    if fonts.remark:
        click.echo(f"Warning: {fonts.remark}", err=True)
    with drawing(fonts):
        drawn = render(sketch_sweep(cells, labels), None)
    if picture.suffix == ".png":
        picture.write_bytes(drawn.png)
    else:
        picture.write_text(drawn.svg, encoding="utf-8")
    click.echo(f"{drawn.title}: {picture}\n{drawn.caption}")


def steered_arm(study: "Study", name: str | None) -> "Steered":
    """Return a study's steered arm of a name, or the first.

    Raises:
        StudyError: the study has no steered arm, or none of that name.
    """
    from rater.study.arms import Steered

    steered = {arm.name: arm for arm in study.concrete_arms[0] if isinstance(arm, Steered)}
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
