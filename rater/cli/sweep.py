"""`rater sweep`: find the layer and coefficient at which an arm does something, and leaves language whole."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.loading import device_option, dtype_option, load_model, require_torch
from rater.cli.options import OutputFile
from rater.errors import StudyError, nearest

if TYPE_CHECKING:
    from rich.table import Table

    from rater.steering.sweep import Outcome
    from rater.study.arms import Steered
    from rater.study.study import Study

_POSITIONS = ("front", "mid", "back")


class Layers(click.ParamType[tuple[int, ...]]):
    """Layer numbers, and ranges of them as Python writes slices."""

    name = "layers"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Turn ``2:20:2,25`` into numbers; the end of a range is not in it."""
        try:
            found = [number for part in str(value).split(",") for number in _numbers(part)]
        except ValueError:
            found = []
        if not found or min(found) < 0:
            self.fail(
                f"{value!r} names no layers; valid: numbers and ranges such as 6 or 2:20:2,25.", param, ctx
            )
        return tuple(dict.fromkeys(found))


class Coeffs(click.ParamType[tuple[float, ...]]):
    """Coefficients, with commas between them."""

    name = "coeffs"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """Turn ``-10,-5,5,10`` into numbers."""
        try:
            found = tuple(dict.fromkeys(float(part) for part in str(value).split(",")))
        except ValueError:
            found = (math.nan,)
        if not all(map(math.isfinite, found)):
            self.fail(f"{value!r} is no list of numbers; valid: -10,-5,5,10.", param, ctx)
        return found


@click.command(short_help="Try an arm at many layers and coefficients.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--layers", required=True, type=Layers(), help="Layers, such as 2:20:2 (20 is not among them).")
@click.option("--coeffs", required=True, type=Coeffs(), help="Coefficients, such as -10,-5,5,10.")
@click.option(
    "--positions",
    default=("front",),
    multiple=True,
    show_default=True,
    type=click.Choice(_POSITIONS),
    help="Where in the prompt; may be given several times.",
)
@click.option("--arm", "arm_name", help="Which steered arm of the study.  [default: the first]")
@click.option("--words", help="Words to count in the completions as the effect, such as love,joy,family.")
@click.option("--prompts", "n_prompts", type=click.IntRange(1), help="Take only the first so many prompts.")
@click.option(
    "--samples", default=2, show_default=True, type=click.IntRange(1), help="Completions per prompt."
)
@click.option("--out", type=OutputFile(), help="The CSV file.  [default: STUDY-sweep.csv]")
@click.option("--picture", type=OutputFile(".png", ".svg"), help="Draw the heat map: a .png or .svg file.")
@device_option
@dtype_option
def sweep(  # noqa: PLR0913, PLR0917 (one argument for each option)
    file: Path,
    layers: tuple[int, ...],
    coeffs: tuple[float, ...],
    positions: tuple[str, ...],
    arm_name: str | None,
    words: str | None,
    n_prompts: int | None,
    samples: int,
    out: Path | None,
    picture: Path | None,
    device: str | None,
    dtype: str | None,
) -> None:
    """Measure what a study's steered arm does at each layer, coefficient and position.

    Each setting is kept in a CSV file as soon as it is measured; stop at any time, and run it again to go on.

    \b
    Example: rater sweep experiments/love_vs_hate.py --layers 2:12:2 --coeffs 4,8,12 --words love,happy
    """
    require_torch()
    from rater.study.load import load_study

    study = load_study(file)
    arm = _steered_arm(study, arm_name)
    _require_layers(study, layers)
    from rater.steering import sweep as sweeping  # torch: seconds, once nothing else speaks against it
    from rater.steering.sweep_file import SweepFile

    prompts = study.prompts[:n_prompts]
    counted = None if words is None else sorted({word.strip() for word in words.split(",")})
    about = _about(study=study.hash, arm=arm.name, n_prompts=len(prompts), samples=samples, dtype=dtype)
    table = SweepFile(out or _default_out(study), about | {"words": ",".join(counted or [])})
    done = table.read()
    known = {outcome.setting for outcome in done}
    wanted = sweeping.all_settings(layers, coeffs, positions)  # type: ignore[arg-type] # click allows these three only
    missing = [setting for setting in wanted if setting not in known]
    if missing or None not in known:
        click.echo(f"Measuring arm {arm.name} for {len(missing)} settings.", err=True)
        sampling = study.sampling.model_copy(update={"samples_per_prompt": samples})
        measured = sweeping.sweep(
            load_model(study.model, device, dtype),
            prompts,
            arm.additions,
            missing,
            sampling=sampling,
            chat=study.chat,
            words=counted,
            with_unsteered=None not in known,
        )
        for outcome in measured:
            table.append(outcome)
            done.append(outcome)
            click.echo(_line(outcome), err=True)
    shown = [outcome for outcome in done if outcome.setting is None or outcome.setting in wanted]
    _show(shown)
    if picture is not None:
        _draw(shown, picture, arm=arm.name, words=counted, n=f"{len(prompts)} prompts × {samples} samples")


def _default_out(study: "Study") -> Path:
    """Name the file that is written where none is said, refused as one that is."""
    return OutputFile().convert(f"{study.name}-sweep.csv", None, None)


def _require_layers(study: "Study", layers: tuple[int, ...]) -> None:
    """Refuse layers that the model is known to lack, before it is loaded."""
    from rater.embedded import count_layers

    n_layers = count_layers(study.model)
    absent = [layer for layer in layers if n_layers is not None and layer >= n_layers]
    if absent and n_layers is not None:
        msg = f"--layers has {absent[0]}, but {study.model} has layers 0–{n_layers - 1}."
        raise StudyError(msg)


def _about(*, dtype: str | None, **named: object) -> dict[str, str]:
    """Say what a sweep is of, as its file has it; the type of the weights is else the checkpoint's own."""
    return {name: str(value) for name, value in {**named, "dtype": dtype or "own"}.items()}


def _draw(outcomes: "list[Outcome]", picture: Path, *, arm: str, words: list[str] | None, n: str) -> None:
    from rater.report.figures.style import drawing, render
    from rater.report.figures.sweep import SweepCell, SweepLabels, sketch_sweep

    unsteered = next(outcome for outcome in outcomes if outcome.setting is None)
    cells = [
        SweepCell(
            layer=each.setting.layer,
            coeff=each.setting.coeff,
            position=each.setting.position,
            effect=each.effect,
            nll=each.nll,
            is_damaged=each.is_damaged(unsteered),
        )
        for each in outcomes
        if each.setting is not None
    ]
    effect = (
        f"occurrences of {', '.join(words)} in a text" if words else "divergence of the next token (nats)"
    )
    labels = SweepLabels(arm, effect, unsteered.effect, unsteered.nll, n)
    with drawing():
        drawn = render(sketch_sweep(cells, labels), None)
    if picture.suffix == ".png":
        picture.write_bytes(drawn.png)
    else:
        picture.write_text(drawn.svg, encoding="utf-8")
    click.echo(f"{drawn.title}: {picture}\n{drawn.caption}")


def _steered_arm(study: "Study", name: str | None) -> "Steered":
    from rater.study.arms import Steered

    steered = {arm.name: arm for arm in study.arms if isinstance(arm, Steered)}
    if not steered:
        msg = f"Study {study.name} has no steered arm, so there is nothing to sweep; add a Steered(…)."
        raise StudyError(msg)
    if name is None:
        return next(iter(steered.values()))
    if name not in steered:
        msg = f"--arm is {name!r}, which is no steered arm of {study.name}.{nearest(name, steered)}"
        raise StudyError(msg)
    return steered[name]


def _numbers(part: str) -> range:
    bounds = [int(bound) for bound in part.split(":")]
    return range(bounds[0], bounds[0] + 1) if len(bounds) == 1 else range(*bounds)


def _line(outcome: "Outcome") -> str:
    setting = outcome.setting
    where = f"layer {setting.layer}, {setting.coeff:g}, {setting.position}" if setting else "unsteered"
    return f"{where}: effect {outcome.effect:.2f}, NLL {outcome.nll:.2f}, repetition {outcome.repetition:.2f}"


def _show(outcomes: "list[Outcome]") -> None:
    from rich.console import Console

    unsteered = next(outcome for outcome in outcomes if outcome.setting is None)
    console = Console()
    console.print(_all(outcomes, unsteered))
    for position in _POSITIONS:
        placed = [each for each in outcomes if each.setting is not None and each.setting.position == position]
        if placed:
            console.print(_map(placed, unsteered, position))
    console.print(
        "Green: the stronger, the more effect. Red and ✗: hardly language any more. "
        "norm: the addition's, over the residual stream's."
    )


def _all(outcomes: "list[Outcome]", unsteered: "Outcome") -> "Table":
    from rich.table import Table

    heads = ("layer", "coeff", "where", "norm", "KL", "NLL", "repeats", "words", "hits", "")
    table = Table(*heads, title="Every setting")
    for each in outcomes:
        setting = each.setting
        place = (str(setting.layer), f"{setting.coeff:g}", setting.position) if setting else ("–", "–", "–")
        hits = "–" if each.hits is None else f"{each.hits:.2f}"
        numbers = [f"{value:.2f}" for value in (each.ratio, each.kl, each.nll, each.repetition)]
        damage = "✗" if each.is_damaged(unsteered) else ""
        table.add_row(*place, *numbers, f"{each.n_words:.0f}", hits, damage)
    return table


def _map(outcomes: "list[Outcome]", unsteered: "Outcome", position: str) -> "Table":
    from rich.table import Table

    cells = {(each.setting.layer, each.setting.coeff): each for each in outcomes if each.setting is not None}
    layers, coeffs = (sorted({key[axis] for key in cells}) for axis in (0, 1))
    highest = max((each.effect for each in outcomes if not each.is_damaged(unsteered)), default=0) or 1.0
    table = Table("layer", *[f"{coeff:g}" for coeff in coeffs], title=f"Effect at the {position}")
    for layer in layers:
        row = [cells.get((int(layer), coeff)) for coeff in coeffs]
        table.add_row(f"{layer:g}", *[_cell(each, unsteered, highest) for each in row])
    return table


def _cell(outcome: "Outcome | None", unsteered: "Outcome", highest: float) -> str:
    if outcome is None:
        return ""
    if outcome.is_damaged(unsteered):
        return f"[black on rgb(230,150,140)]{outcome.effect:.2f} ✗[/]"
    rest = 240 - int(140 * max(0.0, min(1.0, outcome.effect / highest)))
    return f"[black on rgb({rest},240,{rest})]{outcome.effect:.2f}[/]"
