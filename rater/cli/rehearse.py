"""`rater rehearse`: go the whole way with bots, without touching real data."""

import click

from rater.cli.options import sealed_option, study_argument


@click.command(short_help="Go the whole way with bots and a made-up key.")
@study_argument
@click.option(
    "--raters", "n_raters", default=12, show_default=True, type=click.IntRange(1, 200), help="Bots."
)
@click.option(
    "--effect",
    default=2.0,
    show_default=True,
    type=click.FloatRange(-10, 10),
    help="Scale points by which every other bot finds the made-up first arm higher; 0 for none.",
)
@click.option("--seed", default=0, show_default=True, help="Seeds the made-up key and the bots.")
@sealed_option
def rehearse(study_name: str, *, n_raters: int, effect: float, seed: int, sealed_url: str) -> None:
    """Serve a throwaway copy of a generated study with a made-up key, let bots rate it, print the analysis.

    \b
    Example: rater rehearse love_vs_hate --raters 12
    """
    from rich.console import Console

    from rater.analysis.primary import analyze as analyze_ratings
    from rater.rehearse import Cast
    from rater.rehearse import rehearse as rehearse_study
    from rater.report.terminal import Screen, print_analysis

    cast = Cast(n_raters, effect, seed)
    seen = rehearse_study(sealed_url, study_name, cast, say=lambda line: click.echo(line, err=True))
    screen = Screen(
        title=seen.title,
        completed_raters=seen.progress.n_finished,
        planned_raters=seen.progress.n_booklets,
        banner="REHEARSAL: bots and a made-up key; nothing here is about the real study",
        notes=[_what_bots_saw(effect, seen.plan.contrast[0])],
    )
    print_analysis(analyze_ratings(seen.frame, seen.plan), Console(), screen)


def _what_bots_saw(effect: float, arm: str) -> str:
    if not effect:
        return "No bot saw any difference between the arms."
    return f"Every other bot found texts of the made-up arm {arm!r} {effect:g} scale points higher."
