"""The next command for a study, by its state."""

from rater.study.state import State


def next_step(name: str, state: str, *, n_finished: int, n_planned: int, n_answers: int) -> str:
    """Return the next command, by the state of a published study or the progress of an unpublished one."""
    if state == State.CLOSED and not n_answers:
        return f"rater open {name}"  # nothing could be analysed
    if state == State.OPEN and n_finished:
        # the server of a study with finished raters is running, or is started as before
        return f"rater close {name}" + (
            "" if n_finished >= n_planned else ", once enough raters have finished"
        )
    if state == State.OPEN:
        return "rater serve"
    return {
        "partly generated": "rater generate FILE",
        State.GENERATED: f"rater publish {name}",
        "published elsewhere": f"rater status {name} --ratings URL",
        State.PUBLISHED: f"rater open {name}",
        State.PAUSED: f"rater open {name}",
        State.CLOSED: f"rater analyze {name}",
        State.UNBLINDED: f"rater archive {name} FILE.zip",
    }.get(state, f"rater verify {name}")
