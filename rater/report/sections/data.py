"""The data: diagnosis, exclusions, missing answers, example texts, and raters' comments."""

from collections.abc import Iterator, Sequence

import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.describe import rate_texts
from rater.analysis.diagnosis import Diagnosis
from rater.analysis.headline import describe_tipping_point
from rater.analysis.missing_answers import MissingAnswers
from rater.analysis.results import NotEstimable, Outcome
from rater.analysis.sentences import counted, number, sentence
from rater.report.console.analysis import describe_rows
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.numbers import bare_p, interval_text, optional, p_of
from rater.report.sections.inputs import Findings, cut_rows, outcomes_table

MAX_EXTREMES = 5
MAX_COMMENTS = 50
_MAX_CHARACTERS = 600
_MAX_PROMPT = 200


def data_section(diagnosis: Diagnosis, *, is_external: bool) -> Section | None:
    """Show the rows and findings; None if there is nothing to report about a study's data."""
    lines = describe_rows(diagnosis, is_external=is_external)
    blocks: list[Block] = [Prose(line) for line in lines]
    for level, heading in (("refuse", "Refused:"), ("warn", "Warnings:"), ("note", "Notes:")):
        findings = [finding.message for finding in diagnosis.findings if finding.level == level]
        if findings:
            blocks += [Prose(heading, is_warning=level != "note"), Bullets(findings)]
    return Section("data", "The data", blocks) if blocks else None


def first_warnings(diagnosis: Diagnosis) -> list[Block]:
    """Return the refusals and warnings that precede the first result."""
    findings = [*diagnosis.at("refuse"), *diagnosis.at("warn")]
    if not findings:
        return []
    return [Prose("About the data:", is_warning=True), Bullets([finding.message for finding in findings])]


def _missing_blocks(findings: Findings) -> list[Block]:
    """Show the missing answers of the primary dimension."""
    missing = findings.primary.missing_answers
    if missing is None:
        return []
    blocks: list[Block] = [_counts_table(missing)]
    tests = (
        ("“cannot judge”", missing.cannot_judge),
        ("“not applicable”", missing.not_applicable),
        ("“not answered”", missing.not_answered),
    )
    blocks += [Prose(_difference(kind, each)) for kind, each in tests if each is not None]
    if missing.tipping:
        score = findings.score_label
        blocks.append(
            Prose(
                "Tipping-point analysis (delta adjustment): the difference on the missing answers at which "
                f"the primary test is no longer significant, in {score}."
            )
        )
        blocks.append(Bullets([describe_tipping_point(each) for each in missing.tipping]))
        blocks.append(Prose(f"Reference: {missing.reference}."))
    return [*blocks, Prose(missing.unknown)]


def _counts_table(missing: MissingAnswers) -> Table:
    kinds = {
        "“cannot judge”": [each.n_cannot_judge for each in missing.counts],
        "“not applicable”": [each.n_not_applicable for each in missing.counts],
        "not answered": [each.n_not_answered for each in missing.counts],
    }
    if missing.not_applicable is None:
        del kinds["“not applicable”"]
    rows = [
        (each.arm, f"{each.n:,}", *(_share(counts[place], each.n) for counts in kinds.values()))
        for place, each in enumerate(missing.counts)
    ]
    expected = "assigned" if missing.source == "booklets" else "answered or missing"
    header = ("arm", expected, *kinds)
    return Table("Missing ratings by arm", header, rows)


def _share(n: int, of: int) -> str:
    return f"{n:,} ({n / of:.1%})" if of else "–"


def _difference(kind: str, outcome: Outcome) -> str:
    if isinstance(outcome, NotEstimable):
        return sentence(f"{kind}: {outcome.sentence}")
    return (
        f"Difference between the arms in the share of {kind}: {number(outcome.estimate)} "
        f"({interval_text(outcome)}, p {bare_p(p_of(outcome))}). A difference may bias the result."
    )


def exclusions_section(findings: Findings) -> Section:
    """Show the criteria, the excluded raters, and the primary test with and without exclusions."""
    exclusion = findings.analysis.exclusion
    title = "Exclusions and missing answers"
    rest = _missing_blocks(findings)
    if exclusion is None:
        none = "No exclusion criteria were declared, and no rater was excluded: all answers are analysed."
        return Section("exclusions", title, [Prose(none), *rest])
    blocks: list[Block] = [
        Prose("Criteria, declared in advance and applied blind to the arms:"),
        Bullets(exclusion.rules),
    ]
    if exclusion.notes:
        blocks.append(Bullets([sentence(note) for note in exclusion.notes]))
    if exclusion.raters:
        excluded = (
            f"Excluded: {counted(len(exclusion.raters), 'rater')} with "
            f"{counted(exclusion.n_answers, 'answer')}."
        )
        rows, more = cut_rows(
            [(findings.rater(rater.rater), "; ".join(rater.reasons)) for rater in exclusion.raters]
        )
        blocks += [Prose(excluded), Table("Excluded raters", ("rater", "reason"), rows, n_text=2), *more]
    else:
        blocks.append(Prose("No rater met a criterion, so none is excluded."))
    return Section("exclusions", title, [*blocks, *_with_and_without(findings), *rest])


def _with_and_without(findings: Findings) -> list[Block]:
    found = findings.primary
    if found.without_exclusions is None:
        return []
    outcomes: list[Outcome] = [found.primary, found.without_exclusions]
    table = outcomes_table(
        "The primary test with and without exclusions", outcomes, findings.alpha, unit=findings.unit
    )
    labels = ("with exclusions (as planned)", "without exclusions")
    rows = [(name, *row[1:]) for name, row in zip(labels, table.rows, strict=True)]
    return [Table(table.caption, ("analysis", *table.header[1:]), rows, marked=(0,), text_at=(4,))]


def texts_section(findings: Findings) -> Section | None:
    """Show texts of all arms side by side for up to three prompts, and the highest and lowest rated texts."""
    if findings.texts is None or findings.texts.empty:
        return None
    primary = findings.primary.dimension
    rated = rate_texts(findings.texts, findings.tested, [primary])
    rating = kind_of(primary).mean_noun
    blocks: list[Block] = [
        Prose(
            "Examples, chosen by rule: the prompts with the largest, the median and the smallest difference "
            f"in {rating} on {primary.name}, with the first rated sample of each arm. Long texts are "
            "truncated; texts.csv has all texts in full."
        ),
        *_examples(rated, findings, rating),
        *_extremes(rated, rating),
    ]
    return Section("texts", "Texts", blocks)


def example_section(findings: Findings) -> Section | None:
    """Show the texts of all arms for the prompt with the median difference, for the first pages."""
    if findings.texts is None or findings.texts.empty:
        return None
    primary = findings.primary.dimension
    rated = rate_texts(findings.texts, findings.tested, [primary])
    tables = list(_examples(rated, findings, kind_of(primary).mean_noun))
    if not tables:
        return None
    more = Prose("The first rated sample of each arm. The section Texts has more examples, and the extremes.")
    return Section("example", "Example texts", [tables[len(tables) // 2], more])


def _examples(rated: pd.DataFrame, findings: Findings, rating: str) -> Iterator[Table]:
    contrast = findings.analysis.planned.contrast
    arms = [*contrast, *(arm for arm in dict.fromkeys(rated["arm"]) if arm not in contrast)]
    for prompt, reason in _chosen_prompts(rated, contrast):
        of_prompt = rated[rated["prompt"] == prompt]
        # the first rated sample of an arm, or else the first sample
        ordered = of_prompt.assign(unrated=of_prompt["n_ratings"] == 0).sort_values(
            ["unrated", "sample"], kind="stable"
        )
        rows = [_row(ordered[ordered["arm"] == arm].head(1)) for arm in arms]
        header = ("arm", "text", rating, "ratings")
        caption = f"Prompt “{_cut(prompt, _MAX_PROMPT)}”{reason}"
        yield Table(caption, header, [row for row in rows if row], n_text=2)


def _chosen_prompts(rated: pd.DataFrame, contrast: tuple[str, str]) -> list[tuple[str, str]]:
    """Choose the prompts with the largest, median and smallest difference in the primary contrast."""
    means = rated.groupby(["prompt", "arm"], sort=False)["mean_rating"].mean().unstack()
    prompts = list(dict.fromkeys(rated["prompt"]))
    if not set(contrast) <= set(means.columns):
        return [(prompt, "") for prompt in prompts[:3]]
    difference = (means[contrast[0]] - means[contrast[1]]).dropna()
    ordered = difference.reindex([prompt for prompt in prompts if prompt in difference.index])
    ranked = list(ordered.sort_values(ascending=False, kind="stable").index)
    if len(ranked) < 3:
        return [(prompt, "") for prompt in ranked or prompts[:3]]
    return [
        (ranked[0], " (largest difference)"),
        (ranked[len(ranked) // 2], " (median difference)"),
        (ranked[-1], " (smallest difference)"),
    ]


def _row(text: pd.DataFrame) -> tuple[str, ...]:
    if text.empty:
        return ()
    one = text.iloc[0]
    return (str(one["arm"]), _cut(one["text"], _MAX_CHARACTERS), *_rated(one))


def _rated(text: "pd.Series") -> tuple[str, str]:
    mean = text["mean_rating"]
    return optional(None if pd.isna(mean) else float(mean)), f"{int(text['n_ratings']):,}"


def _extremes(rated: pd.DataFrame, rating: str) -> Iterator[Block]:
    """List the highest and the lowest rated texts among those that were rated twice or more."""
    min_ratings = 2 if (rated["n_ratings"] >= 2).sum() >= 2 * MAX_EXTREMES else 1
    known = rated[rated["n_ratings"] >= min_ratings].sort_values(
        ["mean_rating", "n_ratings"], ascending=[False, False], kind="stable"
    )
    if known.empty:
        return
    n = min(MAX_EXTREMES, -(-len(known) // 2))
    for caption, texts in (
        ("Highest rated texts", known.head(n)),
        ("Lowest rated texts", known.tail(len(known) - n).tail(n).iloc[::-1]),
    ):
        rows = [
            (
                str(text["arm"]),
                _cut(text["prompt"], _MAX_PROMPT),
                _cut(text["text"], _MAX_CHARACTERS),
                *_rated(text),
            )
            for _, text in texts.iterrows()
        ]
        if rows:
            yield Table(caption, ("arm", "prompt", "text", rating, "ratings"), rows, n_text=3)
    yield Prose(
        f"Texts with at least {counted(min_ratings, 'rating')}. Extreme means of few ratings are partly due "
        "to chance (regression to the mean)."
    )


def comments_section(findings: Findings) -> Section | None:
    """List the raters' comments, at the end and on single texts."""
    blocks: list[Block] = []
    if findings.comments is not None and not findings.comments.empty:
        rows = [(findings.rater(rater), text) for rater, text in findings.comments.itertuples(index=False)]
        blocks += _comments_table("At the end", ("rater", "comment"), rows, "comments.csv")
    about_texts = _about_texts(findings)
    if about_texts:
        header = ("rater", "arm", "prompt", "comment")
        blocks += _comments_table("On single texts", header, about_texts, "answers.csv")
    return Section("comments", "Raters' comments", blocks) if blocks else None


def _about_texts(findings: Findings) -> list[tuple[str, ...]]:
    frame = findings.frame
    if frame is None or "comment" not in frame.columns:
        return []
    written = frame[frame["comment"].notna() & (frame["comment"].astype(str).str.strip() != "")]
    return [
        (findings.rater(row["rater"]), str(row["arm"]), _cut(row["prompt"], _MAX_PROMPT), str(row["comment"]))
        for _, row in written.iterrows()
    ]


def _comments_table(
    caption: str, header: Sequence[str], rows: Sequence[tuple[str, ...]], file: str
) -> Iterator[Block]:
    yield Table(
        f"{caption}: {counted(len(rows), 'comment')}", header, rows[:MAX_COMMENTS], n_text=len(header)
    )
    if len(rows) > MAX_COMMENTS:
        yield Prose(f"{len(rows) - MAX_COMMENTS:,} more are in {file}.")


def _cut(text: object, max_characters: int) -> str:
    """Truncate a text with an ellipsis."""
    line = str(text).strip()
    return line if len(line) <= max_characters else f"{line[: max_characters - 1].rstrip()}…"
