"""Print what a study would do."""

from rich.console import Console
from rich.text import Text

from rater.report.labelled import labelled
from rater.study.arms import models_needed
from rater.study.describe import describe_arm
from rater.study.forecast import TOKENS_PER_SECOND, Forecast
from rater.study.pace import describe_duration
from rater.study.study import Study


def print_forecast(study: Study, expected: Forecast, console: Console | None = None) -> None:
    """Print a study's arms, counts, costs and hash as one table."""
    console = console or Console()
    console.print(Text.assemble("Study ", (study.name, "bold"), " is valid."))
    console.print(labelled(_lines(study, expected)))
    console.print(Text.assemble(("hash", "bold"), f"  {expected.study_hash}"), soft_wrap=True)


def _lines(study: Study, expected: Forecast) -> list[tuple[str, str]]:
    cells = f"{expected.n_prompts} prompts × {expected.n_arms} arms"
    generation = f"about {describe_duration(expected.generation_s)} at {TOKENS_PER_SECOND:.0f} tokens/s"
    trials = f"{expected.trials_per_booklet} a booklet, {expected.n_trials:,} in all"
    return [
        ("title", study.title),
        ("question", "; ".join(dimension.question for dimension in study.dimensions)),
        ("model", _models(study)),
        *([("chat", "prompts go through the model's chat template")] if study.chat else []),
        *((f"arm {arm.name}", describe_arm(arm)) for arm in study.arms),
        (
            "completions",
            f"{expected.n_completions:,} ({cells} × {study.sampling.samples_per_prompt} samples)",
        ),
        *(
            [("tokens", f"at most {expected.n_tokens:,}; {generation} (the embedded model, two CPU cores)")]
            if expected.n_tokens
            else []
        ),
        ("booklets", f"{expected.n_booklets:,}, one for each planned rater"),
        ("trials", f"{trials}; each completion is rated {expected.ratings_per_completion:.1f} times"),
        ("rater's time", _raters_time(study, expected)),
    ]


def _raters_time(study: Study, expected: Forecast) -> str:
    estimate = f"about {describe_duration(expected.minutes_per_rater * 60)}, from consent to the last page"
    return estimate if study.minutes is None else f"{estimate}; raters are told {study.minutes} min"


def _models(study: Study) -> str:
    return ", then ".join(models_needed(study.arms, study.model)) or "none: all texts come from files"
