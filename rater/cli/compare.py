"""`rater compare`: show completions of all arms side by side before the study is generated."""

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.model import device_option, dtype_option, load_model, require_torch
from rater.cli.options import OutputFile, concept_option, number_of_concept, require_one_reply

if TYPE_CHECKING:
    from rater.steering.completions import ArmCompletion
    from rater.study.study import Study


@click.command(short_help="Show completions of all arms side by side.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--prompts", "n_prompts", default=3, show_default=True, type=click.IntRange(1), help="Number of prompts."
)
@click.option(
    "--samples", default=2, show_default=True, type=click.IntRange(1), help="Completions per prompt and arm."
)
@concept_option
@click.option("--html", "html", type=OutputFile(), help="Write an HTML page to this file instead.")
@device_option
@dtype_option
def compare(  # noqa: PLR0917 (one argument for each option)
    file: Path,
    n_prompts: int,
    samples: int,
    concept: str | None,
    html: Path | None,
    device: str | None,
    dtype: str | None,
) -> None:
    """Generate some completions of every arm, and show them side by side with the steered tokens.

    They equal the study's completions for these prompts and samples, and show which arm is which. Do not show
    them to raters. Of a study with concepts, they are those of one concept.

    \b
    Example: rater compare experiments/love_vs_hate.py --prompts 2
    Example: rater compare experiments/style_vectors.py --concept joy
    """
    from rich.console import Console

    from rater.study.arms import ExternalCompletions
    from rater.study.describe import describe_arm
    from rater.study.load import load_study

    study = load_study(file)
    require_one_reply(study, "rater compare")
    of = number_of_concept(study, concept)
    require_torch()
    if any(isinstance(arm, ExternalCompletions) for arm in study.arms):
        samples = min(samples, study.sampling.samples_per_prompt)  # the file has no more samples
    prompts = study.prompts_of(of)[:n_prompts]
    completions = _generate(study, device, dtype, concept=of, prompts=prompts, samples=samples)
    completions += _read_external(study, file.parent, concept=of, prompts=prompts, samples=samples)
    from rater.steering.comparisons import comparison_page, comparison_tables

    arms = {arm.name: describe_arm(arm) for arm in study.arms}
    if html is None:
        console = Console()
        for table in comparison_tables(completions, arms, width=console.width):
            console.print(table)
        return
    html.write_text(
        comparison_page(f"{study.name}: completions side by side", completions, arms), encoding="utf-8"
    )
    click.echo(f"Written: {html}")


def _generate(
    study: "Study",
    device: str | None,
    dtype: str | None,
    *,
    concept: int,
    prompts: Sequence[str],
    samples: int,
) -> "list[ArmCompletion]":
    """Generate completions with one model after the other."""
    from rater.study.arms import ExternalCompletions, model_of, models_needed

    sampling = study.sampling.model_copy(update={"samples_per_prompt": samples})
    completions: list[ArmCompletion] = []
    for name in models_needed(study.arms, study.model):
        model = load_model(name, device, dtype)
        from rater.steering.completions import generate

        arms = [arm for arm in study.concrete_arms[concept] if not isinstance(arm, ExternalCompletions)]
        own = [arm for arm in arms if model_of(arm, study.model) == name]
        n = len(own) * len(prompts) * samples
        click.echo(f"Generating and measuring {n} completions with {name} …", err=True)
        completions += generate(model, prompts, own, sampling, chat=study.chat, trace=True)
        del model
        gc.collect()  # a model has reference cycles; free its memory for the next one
    return completions


def _read_external(
    study: "Study", folder: Path, *, concept: int, prompts: Sequence[str], samples: int
) -> "list[ArmCompletion]":
    """Return the completions of external arms from their files."""
    from rater.steering.completions import external_completion
    from rater.study.arms import ExternalCompletions
    from rater.study.external_completions import read_external_completions

    items = {
        item
        for item, prompt in enumerate(study.prompts)
        if prompt in prompts and study.concept_number(item) == concept
    }
    return [
        external_completion(arm.name, study.prompts[place.prompt_index], place.sample, text)
        for arm in study.arms
        if isinstance(arm, ExternalCompletions)
        for place, text in read_external_completions(
            arm,
            folder,
            study.rated_items,
            samples_per_prompt=study.n_samples_of(arm.name),
            rated=study.rated_part,
        ).texts.items()
        if place.prompt_index in items and place.sample < samples
    ]
