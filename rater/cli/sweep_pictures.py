"""Draw the figure of a sweep: a heat map, or lines."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rater.cli.sweep import SweepJob
    from rater.report.figures.style import Sketch
    from rater.steering.sweep_results import PromptOutcome, SweepOutcome


def draw_map(outcomes: "Sequence[SweepOutcome]", picture: Path, job: "SweepJob") -> None:
    """Draw a heat map over layers and coefficients."""
    from rater.report.figures.curves import SweepCell, SweepLabels, sketch_sweep

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
    _write(lambda: sketch_sweep(cells, labels), picture, [labels.effect, labels.strength], job)


def draw_lines(
    outcomes: "Sequence[SweepOutcome | PromptOutcome]", picture: Path, job: "SweepJob", *, value: str, by: str
) -> None:
    """Draw lines over layers or coefficients: of all prompts together, or a panel for each prompt."""
    from rater.report.figures.sweep_lines import LineLabels, LinePoint, sketch_lines

    terms = job.terms
    rows = [(getattr(each, "prompt", ""), each.setting, getattr(each, value)) for each in outcomes]
    points = [
        LinePoint(setting.layer, setting.coeff, terms.places[setting.position], found, panel)
        for panel, setting, found in rows
        if setting is not None
    ]
    unsteered = {panel: found for panel, setting, found in rows if setting is None}
    labels = LineLabels(
        study=job.study.name,
        arm=job.arm.name,
        value=terms.effect if value == "effect" else "NLL under the unsteered model, nats per token",
        strength=terms.strength,
        by="layer" if by == "layer" else "coeff",
        n=job.texts,
    )
    _write(lambda: sketch_lines(points, unsteered, labels), picture, [*job.prompts, labels.value], job)


def _write(sketch: "Callable[[], Sketch]", picture: Path, words: "Sequence[str]", job: "SweepJob") -> None:
    """Draw a figure with the fonts that its words need, and write it."""
    from rater.report.figures.fonts import plan_fonts
    from rater.report.figures.style import drawing, render

    fonts = plan_fonts({}, [job.study.name, job.arm.name, *words])
    if fonts.remark:
        click.echo(f"Warning: {fonts.remark}", err=True)
    with drawing(fonts):
        drawn = render(sketch(), None)
    if picture.suffix == ".png":
        picture.write_bytes(drawn.png)
    else:
        picture.write_text(drawn.svg, encoding="utf-8")
    click.echo(f"{drawn.title}: {picture}\n{drawn.caption}")
