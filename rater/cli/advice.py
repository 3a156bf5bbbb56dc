"""The next command for a study, by its state."""


def next_step(name: str, state: str, *, n_finished: int, n_planned: int, n_answers: int) -> str:
    """Return the next command, by the state of a published study or the progress of an unpublished one."""
    if state == "closed" and not n_answers:
        return f"rater open {name}"  # nothing could be analysed
    if state == "open" and n_finished:
        # the server of a study with finished raters is running, or is started as before
        return f"rater close {name}" + (
            "" if n_finished >= n_planned else ", once enough raters have finished"
        )
    if state == "open":
        return "rater serve"
    return {
        "partly generated": "rater generate FILE",
        "generated": f"rater publish {name}",
        "published elsewhere": f"rater status {name} --ratings URL",
        "published": f"rater open {name}",
        "paused": f"rater open {name}",
        "closed": f"rater analyze {name}",
        "unblinded": f"rater archive {name} FILE.zip",
    }.get(state, f"rater verify {name}")
