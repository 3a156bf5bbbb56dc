"""`rater corpus`: the effect of an arm on how likely given texts are, by layer and coefficient."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.model import device_option, dtype_option, load_model, require_torch
from rater.cli.options import OutputFile
from rater.cli.sweep import Coeffs, Layers, digest, require_layers, steered_arm
from rater.errors import StudyError, TableError, nearest

if TYPE_CHECKING:
    from rater.steering.corpus_results import CorpusOutcome, TextChange
    from rater.steering.sweep_results import SweepSetting
    from rater.study.arms import Prompted, Steered
    from rater.study.study import Study

_COUNTED = {
    "untouched": "Tokens predicted at a changed token are left out",
    "all": "All tokens count",
}


@click.command(short_help="Measure how likely texts become under an arm.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--texts",
    "texts_file",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Table with the columns text and, optionally, label.",
)
@click.option("--layers", required=True, type=Layers(), help="Layers, such as 0:30:2 (30 is excluded).")
@click.option("--coeffs", required=True, type=Coeffs(), help="Coefficients, such as -1,1,4.")
@click.option("--arm", "arm_name", help="Name of a steered arm.  [default: the first]")
@click.option("--prompted", multiple=True, help="Name of a prompted arm to compare with; may be repeated.")
@click.option(
    "--counting",
    default="untouched",
    show_default=True,
    type=click.Choice(list(_COUNTED)),
    help="Tokens that count: those not predicted at a changed token, or all.",
)
@click.option("--spaced", is_flag=True, help="Put spaces before each text, which the addition is made to.")
@click.option("--out", type=OutputFile(), help="Results as CSV.  [default: STUDY-ARM-corpus.csv]")
@click.option("--picture", type=OutputFile(".png", ".svg"), help="Draw lines to this .png or .svg file.")
@device_option
@dtype_option
def corpus(  # noqa: PLR0913, PLR0917 (one argument for each option)
    file: Path,
    texts_file: Path,
    layers: tuple[int, ...],
    coeffs: tuple[float, ...],
    arm_name: str | None,
    prompted: tuple[str, ...],
    counting: str,
    spaced: bool,  # noqa: FBT001 (click gives it by name)
    out: Path | None,
    picture: Path | None,
    device: str | None,
    dtype: str | None,
) -> None:
    """Measure how much likelier texts become under a study's steered arm, at each layer and coefficient.

    The result is the mean change of a token's log-probability by label of the texts, and the perplexity
    ratio, with bootstrap intervals over texts. Each setting is written to a CSV file as soon as it is
    measured. You can stop at any time, and run the same command again to continue.

    \b
    Example: rater corpus mine.py --texts essays.csv --layers 0:30:6 --coeffs 12
    """
    require_torch()
    from rater.steering.corpus_results import CorpusFile, summarise_corpus
    from rater.steering.sweep_results import all_settings
    from rater.study.load import load_study

    study = load_study(file)
    arm = steered_arm(study, arm_name)
    require_layers(study, layers)
    job = _Job(study, arm, _read_texts(texts_file), _prompted_arms(study, prompted), counting, spaced=spaced)
    out = out or OutputFile().convert(f"{study.name}-{arm.name}-corpus.csv", None, None)
    table = CorpusFile(out, job.measured(dtype), job.n_texts)
    known = table.read()  # before torch is imported, which takes seconds
    settings = all_settings(layers, coeffs, ["front"])
    wanted: list[SweepSetting | str] = [*settings, *(each.name for each in job.prompted)]
    missing: list[SweepSetting | Prompted] = [
        *(each for each in settings if each not in known),
        *(each for each in job.prompted if each.name not in known),
    ]
    for changes in _measure(job, missing, device, dtype):
        table.append(changes)
        known[changes[0].setting] = changes
    outcomes = summarise_corpus(change for setting in wanted for change in known[setting])
    _print(outcomes, job)
    if picture is not None:
        _draw(outcomes, picture, job)


@dataclass(frozen=True)
class _Job:
    """The arm and the texts that are measured."""

    study: "Study"
    arm: "Steered"
    texts: dict[str, list[str]]
    prompted: "tuple[Prompted, ...]"
    counting: str
    spaced: bool

    @property
    def n_texts(self) -> int:
        """The number of texts."""
        return sum(map(len, self.texts.values()))

    def measured(self, dtype: str | None) -> dict[str, str]:
        """Return a description of the measurements, by which a file with other measurements is refused."""
        return {
            "model": self.study.model,
            "dtype": dtype or "own",
            "steered": self.arm.name,
            "additions": digest(self.arm.model_dump_json(include={"additions"})),
            "prompted": digest(
                json.dumps([arm.model_dump(mode="json") for arm in _all_prompted(self.study)])
            ),
            "texts": f"{self.n_texts} ({digest(json.dumps(self.texts))})",
            "counting": self.counting,
            "spaced": str(self.spaced),
        }

    @property
    def strength(self) -> str:
        """The name of the coefficients."""
        each = [part for whole in self.arm.additions for part in getattr(whole, "likes", (whole,))]
        return "relative" if any(getattr(part, "relative", None) for part in each) else "coeff"


def _read_texts(path: Path) -> dict[str, list[str]]:
    from rater.tables import Dialect, read_content

    table = read_content(str(path), path.read_bytes(), Dialect(skips_blanks=False))
    texts = table.column("text")
    labels = table.columns.get("label", ["all"] * len(table))
    found: dict[str, list[str]] = {}
    for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
        if not isinstance(text, str) or not text or not isinstance(label, str) or not label:
            msg = f"{table.where(row)} has the text {text!r} and the label {label!r}; valid: both not empty"
            raise TableError(msg)
        found.setdefault(label, []).append(text)
    if not found:
        msg = f"{path} has no texts; valid: a table with the columns text and, optionally, label"
        raise TableError(msg)
    return found


def _all_prompted(study: "Study") -> "list[Prompted]":
    from rater.study.arms import Prompted

    return [arm for arm in study.arms if isinstance(arm, Prompted)]


def _prompted_arms(study: "Study", names: tuple[str, ...]) -> "tuple[Prompted, ...]":
    prompted = {arm.name: arm for arm in _all_prompted(study)}
    for name in names:
        if name not in prompted:
            close = nearest(name, prompted)
            msg = f"--prompted is {name!r}, which is not a prompted arm of {study.name}.{close}"
            raise StudyError(msg)
    return tuple(prompted[name] for name in dict.fromkeys(names))


def _measure(
    job: _Job, missing: "list[SweepSetting | Prompted]", device: str | None, dtype: str | None
) -> "Iterator[list[TextChange]]":
    """Measure settings, and report each."""
    if not missing:
        return
    from rater.analysis.sentences import counted
    from rater.steering.corpus import corpus_changes

    sizes = f"{counted(len(missing), 'setting')} of {counted(job.n_texts, 'text')} each"
    click.echo(f"Measuring {sizes}.", err=True)
    changes = corpus_changes(
        load_model(job.study.model, device, dtype),
        job.texts,
        missing,
        job.arm.additions,
        counting=job.counting,  # type: ignore[arg-type] # click allows these two only
        spaced=job.spaced,
    )
    for each in changes:
        setting = each[0].setting
        done = setting if isinstance(setting, str) else f"layer {setting.layer}, {setting.coeff:g}"
        click.echo(f"{done}: measured", err=True)
        yield each


def _print(outcomes: "list[CorpusOutcome]", job: _Job) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("layer", job.strength):
        table.add_column(heading, justify="right")
    table.add_column("label")
    for heading in ("texts", "tokens", "change", "ratio", "95% interval"):
        table.add_column(heading, justify="right")
    for each in outcomes:
        setting = each.setting
        place = (setting, "") if isinstance(setting, str) else (str(setting.layer), f"{setting.coeff:g}")
        interval = "" if each.low is None or each.high is None else f"{each.low:.3f} to {each.high:.3f}"
        table.add_row(
            *place,
            each.label,
            str(each.n_texts),
            str(each.n_tokens),
            f"{each.mean_change:+.3f}",
            f"{each.perplexity_ratio:.3f}",
            interval,
        )
    console = Console()
    console.print(table)
    console.print(
        "change: mean change of a token's log-probability, nats. ratio: perplexity with steering, divided by "
        f"that without; the interval is a bootstrap over texts. {_COUNTED[job.counting]}.",
        style="dim",
        highlight=False,
    )


def _draw(outcomes: "list[CorpusOutcome]", picture: Path, job: _Job) -> None:
    from rater.report.figures.corpus import CorpusLabels, CorpusPoint, CorpusReference, sketch_corpus
    from rater.report.figures.fonts import plan_fonts
    from rater.report.figures.style import drawing, render

    points, references = [], []
    for each in outcomes:
        setting, ratio = each.setting, each.perplexity_ratio
        if isinstance(setting, str):
            references.append(CorpusReference(each.label, setting, ratio))
        else:
            interval = None if each.low is None or each.high is None else (each.low, each.high)
            points.append(CorpusPoint(each.label, setting.layer, setting.coeff, ratio, interval))
    n_texts = {label: len(texts) for label, texts in job.texts.items()}
    labels = CorpusLabels(job.study.name, job.arm.name, job.strength, _COUNTED[job.counting], n_texts)
    fonts = plan_fonts({}, [labels.study, labels.arm, *job.texts])
    if fonts.remark:
        click.echo(f"Warning: {fonts.remark}", err=True)
    with drawing(fonts):
        drawn = render(sketch_corpus(points, references, labels), None)
    if picture.suffix == ".png":
        picture.write_bytes(drawn.png)
    else:
        picture.write_text(drawn.svg, encoding="utf-8")
    click.echo(f"{drawn.title}: {picture}\n{drawn.caption}")
