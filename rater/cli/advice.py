"""Say which command comes next for a study, by its state."""


def next_step(name: str, state: str, *, n_finished: int, n_planned: int, n_answers: int) -> str:
    """Name the next command, by the states of a published study and by how far an unpublished one is."""
    if state == "closed" and not n_answers:
        return f"rater open {name}"  # nothing could be analysed
    if state == "open":
        return f"rater close {name}" if n_finished >= n_planned else "rater serve"
    return {
        "partly generated": "rater generate FILE",
        "generated": f"rater publish {name}",
        "published elsewhere": f"rater status {name} --ratings URL",
        "published": f"rater open {name}",
        "paused": f"rater open {name}",
        "closed": f"rater analyze {name}",
        "unblinded": f"rater archive {name} FILE.zip",
    }.get(state, f"rater verify {name}")
