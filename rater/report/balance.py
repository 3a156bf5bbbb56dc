"""Print how even a study's booklets are."""

from collections.abc import Mapping

from rich.console import Console

from rater.publish.balance import Balance, Range
from rater.report.labelled import labelled
from rater.study.study import Study


def print_balance(study: Study, balance: Balance, console: Console | None = None) -> None:
    """Print how even a dealing of a study's booklets is, as one table."""
    console = console or Console()
    console.print(
        "\n[bold]Balance[/bold] of booklets like those that publishing will deal from a secret seed:"
    )
    console.print(labelled(_lines(study, balance)))


def _lines(study: Study, balance: Balance) -> list[tuple[str, str]]:
    names = study.arm_names
    lines = [
        ("booklets", f"{balance.n_booklets:,} of {_trials(study)}"),
        ("ratings of a text", _between(balance.ratings_per_completion, "d")),
        ("ratings of an arm", _each({names[arm]: f"{n:,}" for arm, n in balance.ratings_per_arm.items()})),
        ("arms in a booklet", _within(balance.arms_differ_within_booklets)),
        ("prompts in a booklet", f"{_between(balance.prompts_per_booklet, 'd')} of {len(study.prompts)}"),
        (
            "mean place of arms",
            _each({names[arm]: f"{place:.3f}" for arm, place in balance.mean_places_of_arms.items()})
            + " (0 first, 1 last)",
        ),
        ("mean place of prompts", _between(balance.mean_places_of_prompts, ".3f")),
        ("prompt after itself", f"{balance.n_neighbours} times"),
    ]
    if balance.first_left:
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
    what = "pairs" if design.is_pairwise else "texts"
    return ", ".join([f"{design.items_per_rater} {what}", *extra])


def _within(difference: int) -> str:
    return "each equally often" if difference == 0 else f"differ by at most {difference}"


def _between(found: Range, form: str) -> str:
    least, greatest = (
        f"{int(end):,}" if form == "d" else f"{end:{form}}" for end in (found.least, found.greatest)
    )
    return least if least == greatest else f"{least} to {greatest}"


def _each(values: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
