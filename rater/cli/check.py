"""`rater new` and `rater check`: write a study file from a template; validate one and show its plan."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

from rater.cli.model import device_option, dtype_option
from rater.cli.outputs import echo_json, show_step

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from rater.analysis.concept_power import PowerBounds
    from rater.analysis.simulated_power import Power
    from rater.generate.estimate import GenerationEstimate
    from rater.publish.booklets import Balance
    from rater.steering.prompts import RenderedPrompt, TokenSpan
    from rater.study.arms import ExternalCompletions, Steered
    from rater.study.concepts import ConcreteArm
    from rater.study.forecast import Forecast
    from rater.study.study import Study
    from rater.workspace.generation import GenerationOptions

Tokenizers: TypeAlias = "Mapping[str, PreTrainedTokenizerBase | None]"
"""By model; None if a tokenizer is not on this disk."""
_DEFAULT_TEMPLATE = "love_vs_hate"
# In characters, of an external completion.
_MAX_SHOWN = 300


@click.command(short_help="Write a study file from a template.")
@click.argument("name", required=False)
@click.option("--template", default=_DEFAULT_TEMPLATE, show_default=True, help="The template to start from.")
@click.option("--list", "is_list", is_flag=True, help="List the templates and exit.")
def new(name: str | None, template: str, *, is_list: bool) -> None:
    """Write NAME.py, a complete study file to edit. NAME may also be a path such as experiments/mine.py.

    \b
    Example: rater new mine --template pairwise
    Example: rater new --list
    """
    from rater.study.templates import list_templates, write_study

    if is_list:
        _print_templates([(each.name, each.summary) for each in list_templates()])
        return
    if name is None:
        msg = (
            "Missing name of the new study, such as: rater new mine. For the templates run: rater new --list"
        )
        raise click.UsageError(msg)
    path = Path(name) if name.endswith(".py") else Path(f"{name}.py")
    for file in write_study(path, template):
        click.echo(f"Written: {file}")
    quoted = shlex.quote(str(path))
    click.echo(f"Next: edit {quoted}, then rater check {quoted}")


def _print_templates(templates: list[tuple[str, str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("template", "purpose"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "template")
    for each, summary in templates:
        table.add_row(Text(each), Text(summary))
    Console().print(table)


@dataclass(frozen=True, kw_only=True)
class ShownPrompt:
    """The model input for the study's first prompt, and the arms that share it."""

    arms: tuple[str, ...]
    text: str | None = None
    """The model's input, or for external completions the text that raters see; None if unknown."""
    ids: tuple[int, ...] = ()
    """The token ids of the model's input, BOS first; empty for external completions."""
    own: "TokenSpan | None" = None
    """The positions of the prompt's own tokens."""
    remarks: tuple[str, ...] = ()


def read_tokenizers(study: "Study") -> Tokenizers:
    """Return the tokenizer of each model that generates completions."""
    from rater.steering.prompts import read_tokenizer
    from rater.study.arms import models_needed

    return {model: read_tokenizer(model) for model in models_needed(study.arms, study.model)}


def require_long_prompts(study: "Study", tokenizers: Tokenizers) -> bool:
    """Validate that prompts are long enough for their additions; return False if the tokenizer is missing.

    Raises:
        ModelError: a prompt is too short, or a tokenizer lacks the chat template that the study needs.
    """
    from rater.steering.prompts import require_long_enough
    from rater.study.arms import Steered

    steered = [
        (concept, f"arms[{index}]", arm)
        for concept, arms in enumerate(study.concrete_arms)
        for index, arm in enumerate(arms)
        if isinstance(arm, Steered)
    ]
    tokenizer = tokenizers[study.model] if steered else None
    if tokenizer is None:
        return not steered
    for concept, place, arm in steered:
        prompts = study.prompts_of(concept)
        require_long_enough(tokenizer, prompts, arm, chat=study.chat, place=place)
    return True


def show_prompts(study: "Study", tokenizers: Tokenizers, folder: Path) -> list[ShownPrompt]:
    """Return the exact text and token ids that each arm's model gets for the first prompt.

    Raises:
        ModelError: a tokenizer lacks the chat template that the study needs.
    """
    from rater.study.arms import ExternalCompletions

    shown = [
        _shown_prompt(study, model_input, arms)
        for model_input, arms in _group_by_input(study, tokenizers).items()
    ]
    return shown + [
        _external_prompt(arm, study, folder) for arm in study.arms if isinstance(arm, ExternalCompletions)
    ]


def print_prompts(study: "Study", shown: list[ShownPrompt]) -> None:
    """Print the model inputs for the first prompt."""
    click.echo(f"\nModel input for the first of {len(study.prompts)} prompts, {study.prompts[0]!r}:")
    for each in shown:
        click.echo(f"  {', '.join(each.arms)}")
        for line in _lines(each):
            click.echo(f"      {line}")


def _lines(shown: ShownPrompt) -> Iterator[str]:
    if shown.text is not None:
        cut = f" … ({len(shown.text):,} characters)" if len(shown.text) > _MAX_SHOWN else ""
        yield f"text {shown.text!r}" if shown.ids else f"raters see {shown.text[:_MAX_SHOWN]!r}{cut}"
    if shown.ids:
        yield f"ids  {' '.join(map(str, shown.ids))}"
    last = len(shown.ids) - 1
    if shown.own is not None and (shown.own.first, shown.own.last) != (1, last):
        own = shown.own
        tokens = f"token {own.first}" if own.first == own.last else f"tokens {own.first}–{own.last}"
        yield f"the prompt's own are {tokens} (BOS is 0, the last {last})"
    yield from shown.remarks


def _group_by_input(
    study: "Study", tokenizers: Tokenizers
) -> "dict[RenderedPrompt | str, list[ConcreteArm]]":
    """Group the generated arms by model input, or by model name if the input is unknown."""
    from rater.steering.prompts import give
    from rater.study.arms import ExternalCompletions, model_of

    groups: dict[RenderedPrompt | str, list[ConcreteArm]] = {}
    for arm in study.concrete_arms[study.concept_number(0)]:
        model = model_of(arm, study.model)
        if isinstance(arm, ExternalCompletions) or model is None:
            continue
        tokenizer = tokenizers[model]
        given = (
            None
            if tokenizer is None
            else give(tokenizer, study.rated_items[0].model_input, arm, chat=study.chat)
        )
        groups.setdefault(given or model, []).append(arm)
    return groups


def _shown_prompt(study: "Study", given: "RenderedPrompt | str", arms: "list[ConcreteArm]") -> ShownPrompt:
    names = tuple(arm.name for arm in arms)
    if isinstance(given, str):
        unknown = (
            f"not shown: the tokenizer of {given} is not on this machine (or transformers is not installed)"
        )
        return ShownPrompt(arms=names, remarks=(unknown,))
    remarks = tuple(_warn_of_template_positions(arms, given)) if study.chat else ()
    return ShownPrompt(arms=names, text=given.text, ids=given.ids, own=given.own, remarks=remarks)


def _warn_of_template_positions(arms: "list[ConcreteArm]", given: "RenderedPrompt") -> Iterator[str]:
    """Yield a remark if additions change the chat template's tokens instead of the prompt's."""
    from rater.study.arms import Steered

    at_front = [arm.name for arm in arms if isinstance(arm, Steered) and _is_at_front(arm)]
    if at_front and given.own is not None:
        yield (
            f"{', '.join(at_front)}: additions at the front begin at token 0, in the chat template and not "
            f"in the prompt; position=({given.own.first}, …) reaches the prompt, and when='all' every token"
        )


def _is_at_front(arm: "Steered") -> bool:
    from rater.study.arms import RandomVector

    placed = [
        each
        for addition in arm.additions
        for each in (addition.likes if isinstance(addition, RandomVector) else (addition,))
    ]
    return any(each.when in {"prompt", None} and each.position in ("front", None) for each in placed)


def _external_prompt(arm: "ExternalCompletions", study: "Study", folder: Path) -> ShownPrompt:
    from rater.publish.texts import published_text
    from rater.rendering.shown import visible_whole
    from rater.study.external_completions import Slot, read_external_completions

    samples = study.n_samples_of(arm.name)
    found = read_external_completions(
        arm, folder, study.rated_items, samples_per_prompt=samples, rated=study.rated_part
    )
    remarks = [f"{len(found.texts)} texts from {arm.path}, SHA-256 {found.sha256}"]
    n_joined = sum(not text[0].isspace() for text in found.texts.values())
    if n_joined and not study.protocol.has_blocks:
        remarks.append(
            f"{n_joined} of them begin without a space or line break, so they follow their prompt directly"
        )
    text = visible_whole(study.protocol, study.prompts[0], published_text(study, found.texts[Slot(0, 0)]))
    return ShownPrompt(arms=(arm.name,), text=text, remarks=tuple(remarks))


_SIMULATIONS = 200


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """The results of checking a valid study."""

    study: "Study"
    forecast: "Forecast"
    prompts: "list[ShownPrompt]"
    balance: "Balance"
    points: float
    """The difference in scale points for which power is computed."""
    net_superiority: float | None
    """The same difference in the unit of the primary test, if that is net superiority."""
    power: "Power"
    """For a claim over concepts, the least that it can be."""
    over_concepts: "PowerBounds | None"
    """The two ends of the power for a claim over concepts."""
    costs: "list[GenerationEstimate]"
    """For each model, where an engine, device or data type was given."""
    checked_later: list[str]
    """Checks that need the model."""
    warnings: list[str]
    dividing: str | None
    """Advice to divide the generation, if that pays."""

    def described_costs(self) -> "Iterator[str]":
        """Yield the costs as lines of text, after an empty line."""
        from rater.generate.estimate import describe, free_memory

        for number, expected in enumerate(self.costs):
            if number == 0:
                yield ""
            yield from describe(expected, free=free_memory())


@click.command(short_help="Validate a study file and show its plan.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--engine",
    type=click.Choice(["torch", "vllm"]),
    help="Estimate the memory and time of generating with this engine, and check that it can.",
)
@device_option
@dtype_option
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def check(file: Path, engine: str | None, device: str | None, dtype: str | None, *, as_json: bool) -> None:
    """Validate a study file; show its design, sample size, duration, power, warnings and hash.

    Nothing is generated. With --engine, --device or --dtype, memory and time are estimated for these.

    \b
    Example: rater check experiments/love_vs_hate.py
    Example: rater check experiments/love_vs_hate.py --engine vllm --device cuda
    """
    from rater.generate.engines.protocol import EngineName
    from rater.workspace.generation import GenerationOptions

    options = None
    if engine or device or dtype:
        options = GenerationOptions(engine=EngineName(engine or "torch"), device=device, dtype=dtype)
    checked = _check(file, options)
    next_step = f"rater generate {shlex.quote(str(file))}"
    if as_json:
        echo_json(_figures(checked) | {"next": next_step})
        return
    _print(checked, file)
    click.echo(f"Next: {next_step}")


def _check(file: Path, options: "GenerationOptions | None") -> _Checked:
    import numpy as np

    from rater.embedded_model import count_layers
    from rater.generate.estimate import advise_workers
    from rater.generate.freeze import cells_by_model, list_cells
    from rater.publish.booklets import assign_booklets, measure_balance
    from rater.publish.texts import known_lengths
    from rater.sample_size import (
        as_net_superiority,
        bound_concept_power,
        default_points,
        power_as_planned,
    )
    from rater.study.forecast import forecast
    from rater.study.load import load_study
    from rater.study.study_checks import remarks, require_effects, require_hook_points, require_vector_files

    study = load_study(file)
    n_layers = count_layers(study.model)
    require_hook_points(study, n_layers)
    require_vector_files(study)
    require_effects(study)
    costs = [] if options is None else _estimate(study, options)
    tokenizers = read_tokenizers(study)
    knows_lengths = require_long_prompts(study, tokenizers)
    points = default_points(study)
    with show_step(f"Assigning {study.n_raters:,} booklets", only_on_terminal=True):
        booklets = assign_booklets(study.design, np.random.default_rng(0))
    with show_step(f"Simulating {_SIMULATIONS} studies", only_on_terminal=True):
        over_concepts = bound_concept_power(study, points)
        power = (
            power_as_planned(study, points, n_simulations=_SIMULATIONS)
            if over_concepts is None
            else over_concepts.least
        )
    return _Checked(
        study=study,
        forecast=forecast(study, known_lengths(study, file.parent)),
        prompts=show_prompts(study, tokenizers, file.parent),
        balance=measure_balance(study.design, booklets),
        points=points,
        net_superiority=as_net_superiority(study, points),
        power=power,
        over_concepts=over_concepts,
        costs=costs,
        dividing=advise_workers(study, cells_by_model(study, list_cells(study))),
        checked_later=_left(knows_layers=n_layers is not None, knows_lengths=knows_lengths)
        if tokenizers
        else [],
        warnings=[*_missing_models(tokenizers), *remarks(study, file)],
    )


def _estimate(study: "Study", options: "GenerationOptions") -> "list[GenerationEstimate]":
    """Check that the engine of the options can generate the whole study, and estimate what it needs."""
    from rater.generate.shards import list_generated
    from rater.workspace.generation import estimate_costs, require_engine

    require_engine(study, options)
    return list(estimate_costs(study, list_generated(study), options))


def _missing_models(tokenizers: "Tokenizers") -> list[str]:
    """Return a warning for each missing model, since a misspelt name is found only when it is loaded."""
    return [
        f"The model {model!r} is not on this machine (or transformers is not installed); "
        "its name is checked, and the model is downloaded, when it is loaded."
        for model, tokenizer in tokenizers.items()
        if tokenizer is None
    ]


def _left(*, knows_layers: bool, knows_lengths: bool) -> list[str]:
    """Return the checks that need the model."""
    left = ["hook points exist"]
    if not knows_layers:
        left.insert(0, "the model and its layers exist")
    if not knows_lengths:
        left.append("prompts are long enough for their additions")
    return left


def _print(checked: _Checked, file: Path) -> None:
    from rater.cli.trial_picture import print_trial
    from rater.report.console.check import print_analysis_plan, print_balance, print_forecast
    from rater.report.console.power import OF_THESE_CONCEPTS, describe_power, describe_power_bounds
    from rater.sample_size import unit_of

    study = checked.study
    print_forecast(study, checked.forecast)
    print_analysis_plan(study)
    print_prompts(study, checked.prompts)
    print_trial(study)
    print_balance(study, checked.balance)
    if checked.over_concepts is None:
        described = describe_power(
            checked.power,
            checked.points,
            unit=unit_of(study),
            net_superiority=checked.net_superiority,
        )
        if study.analysis.is_over_concepts:
            described += f" {OF_THESE_CONCEPTS}"
    else:
        described = describe_power_bounds(checked.over_concepts, checked.points, unit=unit_of(study))
    click.echo(f"\nPower: {described} More: rater power {shlex.quote(str(file))}")
    for line in checked.described_costs():
        click.echo(line)
    if checked.dividing:
        click.echo(checked.dividing)
    if checked.checked_later:
        left = ", ".join(checked.checked_later)
        click.echo(f"\nChecked when the model is loaded, before anything is generated: {left}.")
    for warning in checked.warnings:
        click.echo(f"Warning: {warning}", err=True)


def _figures(checked: _Checked) -> dict[str, object]:
    """Give all that is printed by name, and the whole study as its hash covers it; arms by their names."""
    from rater.analysis.plan import plan_of
    from rater.cli.trial_picture import picture_trial
    from rater.report.export import as_json

    study, balance = checked.study, checked.balance
    names, planned = study.arm_names, plan_of(study)
    by_arm = {
        "ratings_per_arm": {names[arm]: n for arm, n in balance.ratings_per_arm.items()},
        "mean_places_of_arms": {names[arm]: place for arm, place in balance.mean_places_of_arms.items()},
        "first_left": [
            {"left": names[left], "right": names[right], "share": share}
            for (left, right), share in balance.first_left.items()
        ],
        "booklets_by_first_dimension": {
            study.dimensions[number].name: n for number, n in balance.booklets_by_first_dimension.items()
        },
    }
    return {
        **checked.forecast.as_dict(),
        "generation": [asdict(expected) for expected in checked.costs],
        "study": study.model_dump(mode="json"),
        "planned": as_json(replace(planned, contrasts=planned.contrasts_among(names))),
        "prompts": [asdict(each) | {"own": each.own and each.own._asdict()} for each in checked.prompts],
        "trial": asdict(picture_trial(study)),
        "balance": asdict(balance) | by_arm,
        "power": {
            "points": checked.points,
            "net_superiority": checked.net_superiority,
            **asdict(checked.power),
            "over_concepts": checked.over_concepts and asdict(checked.over_concepts),
        },
        "checked_later": checked.checked_later,
        "warnings": checked.warnings,
        "dividing": checked.dividing,
    }
