"""Print what `rater check` shows: costs, balance and the analysis plan."""

from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.joint_verdict import describe_criterion
from rater.analysis.plan import plan_of
from rater.analysis.sentences import counted, label_score
from rater.analysis.sequential import describe_looks
from rater.publish.booklets import Balance, Range
from rater.report.numbers import labelled
from rater.study.arms import models_needed
from rater.study.describe import (
    describe_arm,
    describe_concepts,
    describe_contrast,
    describe_control,
    describe_display,
    describe_doses,
    describe_guessing,
    describe_targets,
)
from rater.study.duration import describe_duration
from rater.study.forecast import TOKENS_PER_SECOND, Forecast
from rater.study.study import Study


def print_balance(study: Study, balance: Balance, console: Console | None = None) -> None:
    """Print the balance of a random assignment of booklets as a table."""
    console = console or Console()
    console.print("\n[bold]Balance[/bold] of an example assignment; `rater publish` uses a secret seed:")
    console.print(labelled(_lines(study, balance)))


def _lines(study: Study, balance: Balance) -> list[tuple[str, str]]:
    names, apart = study.arm_names, balance.arms_differ_within_booklets
    lines = [
        ("booklets", f"{balance.n_booklets:,} of {_trials(study)}"),
        ("ratings of a text", _between(balance.ratings_per_completion, "d")),
        ("ratings of an arm", _each({names[arm]: f"{n:,}" for arm, n in balance.ratings_per_arm.items()})),
        ("arms in a booklet", f"differ by at most {apart}" if apart else "each equally often"),
        ("prompts in a booklet", f"{_between(balance.prompts_per_booklet, 'd')} of {len(study.prompts)}"),
        (
            "mean position of arms",
            _each({names[arm]: f"{place:.3f}" for arm, place in balance.mean_places_of_arms.items()})
            + " (0 first, 1 last)",
        ),
        ("mean position of prompts", _between(balance.mean_places_of_prompts, ".3f")),
        ("same prompt twice in a row", f"{balance.n_neighbours} times"),
    ]
    if balance.odd_places:
        shown = {"ABC"[place]: f"{n:,}" for place, n in balance.odd_places.items()}
        lines.append(("odd text in place", _each(shown)))
    elif balance.first_left:
        shares = {
            f"{names[first]} left of {names[second]}": f"{share:.1%}"
            for (first, second), share in balance.first_left.items()
        }
        lines.append(("sides", _each(shares)))
    if balance.booklets_by_first_dimension:
        named = {
            study.dimensions[number].name: f"{n:,} booklets"
            for number, n in balance.booklets_by_first_dimension.items()
        }
        lines.append(("first question", _each(named)))
    return lines


def _trials(study: Study) -> str:
    design = study.design
    extra = [
        f"{n} {word if n == 1 else f'{word}s'}"
        for n, word in ((design.n_repeats, "repeat"), (design.n_checks, "attention check"))
        if n
    ]
    what = {1: "texts", 2: "pairs"}.get(design.n_texts, f"trials of {design.n_texts} texts")
    return ", ".join([f"{design.items_per_rater} {what}", *extra])


def _between(values: Range, form: str) -> str:
    low, high = (
        f"{int(end):,}" if form == "d" else f"{end:{form}}" for end in (values.least, values.greatest)
    )
    return low if low == high else f"{low} to {high}"


def _each(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def print_forecast(study: Study, expected: Forecast, console: Console | None = None) -> None:
    """Print a study's arms, counts, costs and hash as one table."""
    console = console or Console()
    console.print(Text.assemble("Study ", (study.name, "bold"), " is valid."))
    console.print(labelled(_forecast_lines(study, expected)))
    console.print(Text.assemble(("hash", "bold"), f"  {expected.study_hash}"), soft_wrap=True)


def _forecast_lines(study: Study, expected: Forecast) -> list[tuple[str, str]]:
    cells = f"{expected.n_prompts} {'items' if study.items else 'prompts'} × {expected.n_arms} arms"
    generation = f"about {describe_duration(expected.generation_s)} at {TOKENS_PER_SECOND:.0f} tokens/s"
    trials = f"{expected.trials_per_booklet} per booklet, {expected.n_trials:,} in total"
    duration = describe_duration(expected.minutes_per_rater * 60)
    stated = "" if study.minutes is None else f"; raters are shown {study.minutes} min"
    return [
        ("title", study.title),
        ("question", "; ".join(dimension.question for dimension in study.described_dimensions)),
        (
            "model",
            ", then ".join(models_needed(study.arms, study.model)) or "none: all texts come from files",
        ),
        *([("chat", "prompts are formatted with the model's chat template")] if study.chat else []),
        *([("shown", shown)] if (shown := describe_display(study)) else []),
        *([("fields", _describe_fields(study))] if study.field_names else []),
        *describe_concepts(study.concepts),
        *((f"arm {arm.name}", describe_arm(arm)) for arm in study.arms),
        (
            "completions",
            f"{expected.n_completions:,} ({cells} × {counted(study.sampling.samples_per_prompt, 'sample')})",
        ),
        *(
            [("tokens", f"at most {expected.n_tokens:,}; {generation} (the embedded model, two CPU cores)")]
            if expected.n_tokens
            else []
        ),
        ("booklets", f"{expected.n_booklets:,}, {_describe_holders(study)}{_describe_reassignment(study)}"),
        ("trials", f"{trials}; each completion is rated {expected.ratings_per_completion:.1f} times"),
        ("duration", f"about {duration}, from consent to the last page{stated}"),
    ]


def _describe_holders(study: Study) -> str:
    if study.booklets_per_rater == 1:
        return "one per planned rater"
    asked = "; the blinding question is asked after the first one" if study.blinding is not None else ""
    return (
        f"up to {study.booklets_per_rater} per rater, so that there may be fewer raters than planned{asked}"
    )


def _describe_reassignment(study: Study) -> str:
    hours = study.inactive_hours
    if hours is None:
        return ""
    default = "; by default, since recruitment is set" if study.reassign_after_hours is None else ""
    return f"; assigned again after {hours:g} hours without an answer{default}"


def _describe_fields(study: Study) -> str:
    """Count the values of each field, and name those that raters see above a text."""
    values = {name: len({item.fields[name] for item in study.items}) for name in study.field_names}
    shown = [each.name for each in study.shown_fields]
    counts = ", ".join(f"{name} ({counted(n, 'value')})" for name, n in values.items())
    above = f"; above each text: {', '.join(shown)}" if shown else ""
    return f"{counts} in {counted(len(study.distinct_prompts), 'prompt')}{above}"


def print_analysis_plan(study: Study, console: Console | None = None) -> None:
    """Print the declared analysis: primary test, SESOI, contrasts, doses, exclusions, looks, guesses."""
    console = console or Console()
    console.print("\n[bold]Analysis plan[/bold], as declared in the study file:")
    console.print(labelled(analysis_lines(study)))


def analysis_lines(study: Study) -> list[tuple[str, str]]:
    """Return the declared parts of the analysis as labels and values."""
    plan = study.analysis
    score = label_score(plan.score, study.primary_dimension.scale.scored.answer_unit)
    model = ", by a linear mixed model of all answers" if study.planned_test == "mixed_model" else ""
    claim = f"generalising to {plan.scope}, alpha {plan.alpha:g}{model}"
    is_compared_by_default = not study.analysis.contrasts and bool(
        plan_of(study).contrasts_among(study.arm_names)
    )
    control = f"{study.control}, {describe_control(study)}; by default all other arms are compared with it"
    kind = kind_of(study.primary_dimension)
    compared = kind.name_primary(study.contrast, study.primary, score)
    lines = [
        ("primary test", f"{compared}, {claim}"),
        (
            "SESOI",
            ""
            if plan.sesoi is None
            else f"{plan.sesoi:g} in {score}; conclusion: larger, smaller (equivalent) or inconclusive",
        ),
        (
            "coprimary test",
            ""
            if plan.coprimary is None
            else f"{describe_criterion(plan.coprimary, study.contrast)}; both tests must have p < alpha",
        ),
        *(
            (f"composite {each.name}", f"{each.question}; {each.scale.describe_values()}")
            for each in study.composites
        ),
        ("control", control if is_compared_by_default else ""),
        *_contrasts(study),
        ("doses", _doses(study)),
        ("targets", describe_targets(study)),
        (
            "moderators",
            f"{', '.join(plan.moderators)}; interactions with the primary difference, Holm correction"
            if plan.moderators
            else "",
        ),
        ("excluded raters", "; or ".join(plan.exclusions.describe().values())),
        (
            "interim looks",
            "" if plan.interim_looks is None else describe_looks(plan.interim_looks, plan.alpha),
        ),
        ("guesses", describe_guessing(study)),
    ]
    return [(label, value) for label, value in lines if value]


def _contrasts(study: Study) -> list[tuple[str, str]]:
    families: dict[str, list[str]] = {}
    for contrast in plan_of(study).others_among(study.arm_names):
        named = describe_contrast(contrast.first, contrast.second, contrast.name)
        families.setdefault(contrast.family, []).append(named)
    return [
        ("contrasts", f"{', '.join(named)} ({family}; Holm correction)") for family, named in families.items()
    ]


def _doses(study: Study) -> str:
    doses = describe_doses(study)
    return (
        f"{doses}; tests of a linear and a monotone trend, as one test if their contrasts coincide"
        if doses
        else ""
    )
