"""Integrity: checks, amendments, and provenance."""

from dataclasses import dataclass

from rater.analysis.agreement import Agreement
from rater.analysis.blinding import Blinding
from rater.analysis.plan import Planned
from rater.analysis.results import NotEstimable, Quantity, Result, is_routine
from rater.analysis.sentences import counted, sentence
from rater.report.context import (
    StudyFacts,
    describe_added_raters,
    describe_cost_of_looks,
    describe_planned_raters,
    describe_removed_raters,
    describe_unshown_looks,
    list_changes,
    summarise_amendments,
)
from rater.report.document import Block, Bullets, Commands, Prose, Section, Table
from rater.report.numbers import interval_of, with_interval
from rater.report.sections.inputs import Findings
from rater.report.sections.methods import versions
from rater.study.confounds import Confound, describe_confound

_MAX_LISTED_LOOKS = 50
# The lowest Krippendorff's alpha from which content analysts draw tentative conclusions.
_TENTATIVE_ALPHA = 0.667
_ALPHA_REFERENCE = "Krippendorff 2004, Human Communication Research 30:411–433"


@dataclass(frozen=True)
class IntegrityCheck:
    """A check and its outcome."""

    passed: bool | None
    """None for information that is neither good nor bad."""
    message: str


def failed_checks_section(findings: Findings) -> Section:
    """List the failed checks for the first page, and count the passed ones."""
    checks = list_checks(findings)
    failed = [sentence(check.message) for check in checks if check.passed is False]
    n_passed = sum(check.passed is True for check in checks)
    rest = f"{counted(n_passed, 'check')} passed; see the section Checks for the full list."
    if not failed:
        return Section("failed", "Failed checks", [Prose(f"None. {rest}")])
    return Section("failed", "Failed checks", [Bullets(failed), Prose(rest)])


def checks_section(findings: Findings) -> Section:
    """List failed checks, then information, then passed checks."""
    checks = list_checks(findings)
    failed, informational, passed = (
        [sentence(check.message) for check in checks if check.passed is kind] for kind in (False, None, True)
    )
    blocks: list[Block] = []
    if failed:
        n_failed = counted(len(failed), "check")
        blocks += [Prose(f"{n_failed} failed:", is_warning=True), Bullets(failed)]
    else:
        blocks.append(Prose("None of the checks failed."))
    if informational:
        blocks += [Prose("For information:"), Bullets(informational)]
    if passed:
        blocks += [Prose("Passed:"), Bullets(passed)]
    return Section("checks", "Checks", blocks)


def list_checks(findings: Findings) -> list[IntegrityCheck]:
    """List the checks of the key, the sample, the tests, agreement and blinding."""
    checks = [*_of_the_study(findings.about.study, findings.analysis.planned), *_of_the_tests(findings)]
    checks += [
        IntegrityCheck(passed=False if note.weight == "fault" else None, message=note.message)
        for note in findings.analysis.notes
        if note.weight != "method" and not (note.topic == "sample" and findings.about.study)
    ]
    checks += _of_the_times(findings)
    checks += _of_the_blinding(findings)
    return checks


def _of_the_study(study: StudyFacts | None, planned: Planned) -> list[IntegrityCheck]:
    if study is None:
        return [
            IntegrityCheck(
                passed=None,
                message="these are external ratings: no preregistration or verification by this software",
            )
        ]
    n_booklets = study.n_finished_raters + study.n_further_booklets
    finished = n_booklets >= study.n_planned_raters
    counts = f"{n_booklets} of {counted(study.n_planned_raters, 'planned rater')} finished"
    if study.n_further_booklets:
        of = counted(study.n_planned_raters, "planned booklet")
        counts = f"{n_booklets} of {of} finished, by {counted(study.n_finished_raters, 'rater')}"
    checks = [
        IntegrityCheck(passed=True, message="the key matches the commitment made at publication"),
        IntegrityCheck(passed=True, message="the hash chain of the study's log is intact"),
        IntegrityCheck(
            passed=finished,
            message=counts,
        ),
    ]
    checks += [
        IntegrityCheck(passed=False, message=f"verification failed: {each}") for each in study.tampered
    ]
    if study.amendments:
        checks.append(IntegrityCheck(passed=None, message=summarise_amendments(study)))
    added = describe_added_raters(study)
    if added:
        checks.append(IntegrityCheck(passed=False, message=added))
    if study.taken_out:
        after_look = any(each.after_look for each in study.taken_out)
        checks.append(
            IntegrityCheck(passed=False if after_look else None, message=describe_removed_raters(study))
        )
    checks += _of_the_confounds(study, planned)
    checks.append(_of_the_looks(study, planned))
    return checks


def _of_the_times(findings: Findings) -> list[IntegrityCheck]:
    """Check the coverage of the time criterion; raters without times are a failed check."""
    exclusion = findings.analysis.exclusion
    if exclusion is None:
        return []
    checks = []
    if exclusion.n_untimed:
        message = (
            f"the time criterion could not be applied to {counted(exclusion.n_untimed, 'rater')} without "
            "times"
        )
        checks.append(IntegrityCheck(passed=False, message=message))
    if exclusion.n_server_timed:
        message = (
            f"for {counted(exclusion.n_server_timed, 'rater')}, whose browsers sent no times, the time "
            "criterion uses the times at which the server received the answers"
        )
        checks.append(IntegrityCheck(passed=None, message=message))
    return checks


def _of_the_confounds(study: StudyFacts, planned: Planned) -> list[IntegrityCheck]:
    """List the confounds found by the audit, and declared ones that it did not find."""
    if study.confounds is None:
        return []
    if not study.confounds:
        message = (
            "the audit at publication found no property of the texts other than meaning that tells arms apart"
        )
        checks = [IntegrityCheck(passed=True, message=message)]
    else:
        checks = [_of_a_confound(confound, planned) for confound in study.confounds]
    cues = {confound.cue for confound in study.confounds}
    unfound = [cue for cue in study.declared_confounds if cue not in cues]
    if unfound:
        message = f"declared as confounds but not found by the audit: {', '.join(unfound)}"
        checks.append(IntegrityCheck(passed=None, message=message))
    return checks


def _of_a_confound(confound: Confound, planned: Planned) -> IntegrityCheck:
    """Check a confound; an undeclared one between the arms of the primary contrast is a failed check."""
    is_primary = {confound.first, confound.second} == set(planned.contrast)
    description = f"confound: {describe_confound(confound)}"
    if confound.is_declared:
        return IntegrityCheck(passed=None, message=f"{description}; declared in the study file")
    if not confound.is_of_texts:
        return IntegrityCheck(passed=None, message=f"{description}; by chance in the randomisation")
    message = f"{description}; not declared in the study file, acknowledged at publication"
    return IntegrityCheck(passed=False if is_primary else None, message=message)


def _of_the_looks(study: StudyFacts, planned: Planned) -> IntegrityCheck:
    n_early = sum(look.is_interim for look in study.looks)
    if not n_early:
        return IntegrityCheck(passed=True, message="no analysis by arm before data collection closed")
    n_planned = len(planned.looks.at) - 1 if planned.looks else 0
    message = f"{counted(n_early, 'interim analysis', 'interim analyses')} by arm, {n_planned} planned"
    if planned.spent is not None:
        return IntegrityCheck(passed=True, message=f"{message}, with alpha spending over all of them")
    return IntegrityCheck(passed=n_early <= n_planned, message=message)


def _of_the_tests(findings: Findings) -> list[IntegrityCheck]:
    found = findings.primary
    checks = []
    if isinstance(found.primary, NotEstimable):
        checks.append(
            IntegrityCheck(
                passed=False, message=f"the primary test is not available: {found.primary.sentence}"
            )
        )
    elif not found.primary.warnings:
        checks.append(IntegrityCheck(passed=True, message="the primary test has no warnings"))
    checks += [
        IntegrityCheck(passed=None if is_routine(each) else False, message=f"primary test: {each}")
        for each in found.primary.warnings
    ]
    ordinal = found.details.ordinal
    if isinstance(ordinal, Result):
        if ordinal.warnings:
            checks += [
                IntegrityCheck(passed=None, message=f"ordinal model: {warning}")
                for warning in ordinal.warnings
            ]
        else:
            checks.append(IntegrityCheck(passed=True, message="the ordinal model's fit has no warnings"))
    if found.details.spread is not None and found.details.spread.reading:
        checks.append(IntegrityCheck(passed=None, message=found.details.spread.reading))
    if isinstance(found.details.agreement, Agreement):
        checks += _of_the_agreement(found.details.agreement.krippendorff)
    return checks


def _of_the_agreement(alpha: Quantity) -> list[IntegrityCheck]:
    """Report the agreement; low agreement reduces power but does not invalidate the tests."""
    if isinstance(alpha, NotEstimable):
        return []
    coefficient = f"Krippendorff's alpha is {with_interval(alpha)}"
    if alpha.estimate >= _TENTATIVE_ALPHA:
        message = f"raters agree on single texts: {coefficient}, at least {_TENTATIVE_ALPHA:g}"
        return [IntegrityCheck(passed=True, message=f"{message} ({_ALPHA_REFERENCE})")]
    if alpha.interval is None:
        conclusion = "agreement on single texts has no confidence interval"
    elif alpha.interval.low > 0:
        conclusion = "agreement on single texts is below the threshold of content analysis"
    else:
        conclusion = "agreement on single texts is not significantly above chance"
    message = (
        f"{conclusion}: {coefficient}, below {_TENTATIVE_ALPHA:g} ({_ALPHA_REFERENCE}). Raters are a random "
        "factor of the primary test: low agreement reduces power but does not invalidate the test"
    )
    return [IntegrityCheck(passed=None, message=message)]


def _of_the_blinding(findings: Findings) -> list[IntegrityCheck]:
    """Compare right and wrong guesses of the arm by the confidence interval of Bang's index."""
    blinding = findings.analysis.blinding
    if not isinstance(blinding, Blinding) or blinding.together.estimate is None:
        return []
    index, interval = blinding.together, interval_of(blinding.together)
    _, rights, wrongs, unknowns = zip(*blinding.counts, strict=True)
    guesses = f"{sum(rights)} right, {sum(wrongs)} wrong, {sum(unknowns)} don't know"
    evidence = f"({guesses}); Bang's index is {with_interval(index)}"
    if interval is None:
        return [
            IntegrityCheck(
                passed=None, message=f"guesses of the arm {evidence}, without a confidence interval"
            )
        ]
    if interval.low > 0:
        message = (
            f"guesses of the arm were more often right than wrong {evidence}. An effective intervention is "
            "noticeable, so this alone is not a flaw; see the difference among trials not guessed right"
        )
        return [IntegrityCheck(passed=None, message=message)]
    if interval.high < 0:
        return [
            IntegrityCheck(
                passed=None, message=f"guesses of the arm were more often wrong than right {evidence}"
            )
        ]
    return [
        IntegrityCheck(
            passed=None,
            message=f"guesses of the arm were not significantly more often right than wrong {evidence}",
        )
    ]


def looks_section(findings: Findings) -> Section | None:
    """List the looks in the log, and estimate the inflation of the type I error by unplanned ones."""
    study = findings.about.study
    if study is None:
        return None
    rows = [
        (
            f"{look.number}",
            look.at,
            look.who,
            look.why,
            f"{look.n_answers:,}",
            "during data collection" if look.is_interim else "after data collection",
        )
        for look in study.looks[-_MAX_LISTED_LOOKS:]
    ]
    header = ("look", "date", "user", "reason", "answers", "time")
    table = Table("Looks in the log", header, rows, n_text=6)
    cost = Prose(describe_cost_of_looks(study, findings.analysis.planned))
    unshown = [Prose(sentence(each)) for each in (describe_unshown_looks(study),) if each]
    return Section(
        "looks", "Access log: analyses by arm (looks)", [cost, table, *unshown, Prose(_masked_exports(study))]
    )


def _masked_exports(study: StudyFacts) -> str:
    """Count the exports of ratings without arms, which are not looks."""
    n = study.n_masked_exports
    if not n:
        return "There were no exports of ratings without arms."
    return (
        f"Ratings were exported without arms {counted(n, 'time')}. Such an export is not a look: it contains "
        "no arms, and the ids of a text differ between raters."
    )


def amendments_section(findings: Findings) -> Section | None:
    """List the amendments in the log; None if there are none."""
    study = findings.about.study
    if study is None or not study.amendments:
        return None
    rows = [(f"{each.version}", each.at, each.who, each.why, list_changes(each)) for each in study.amendments]
    table = Table("Amendments in the log", ("version", "date", "user", "reason", "changes"), rows, n_text=5)
    explanation = (
        "After publication, instructions and other texts of the study's pages and the number of raters can "
        f"be amended; arms, rated texts and the analysis plan cannot. {describe_planned_raters(study)}"
    )
    return Section("amendments", "Amendments", [Prose(explanation), table])


FILES = (
    ("report.html, report.md", "this report"),
    (
        "results.json",
        "all results: estimate, interval, statistic, df, p, n, method, reference, warnings, settings",
    ),
    (
        "answers.csv, answers.parquet",
        "all answers with their arms, one row each, including those of excluded raters",
    ),
    ("answers.dictionary.json", "data dictionary of the answers"),
    ("texts.csv", "all texts with arm, measurements and mean rating, if known"),
    ("texts.dictionary.json", "data dictionary of the texts"),
    ("comments.csv", "raters' comments at the end, if there are any"),
    ("methods.md", "the methods paragraphs with references"),
    ("figures/", "all figures as SVG and PNG"),
)


def provenance_section(findings: Findings, digest: str) -> Section:
    """List versions and hashes, and the commands that verify them."""
    study = findings.about.study
    rows = [("SHA-256 of answers.csv", digest)]
    commands = ["sha256sum answers.csv"]
    if study is None:
        rows.insert(0, ("file", findings.about.source))
    else:
        rows += [
            ("study", study.name),
            ("study hash (of the preregistered study)", study.study_hash),
            ("commitment to the key", study.commitment),
            ("head of the log", study.log_head),
        ]
        if not findings.about.is_rehearsal:
            commands += [f"rater verify {study.name} --head {study.log_head}", "rater check STUDY_FILE.py"]
    rows += [(f"version of {name}", number) for name, number in versions().items()]
    blocks: list[Block] = [Table("Versions and hashes", ("item", "value"), rows, n_text=2)]
    if findings.about.is_rehearsal:
        blocks.append(
            Prose(
                "Hash, commitment and log belong to the temporary databases of a rehearsal, which have been "
                "deleted: they do not verify the study itself."
            )
        )
    elif study is not None:
        blocks.append(
            Prose(
                "The study hash identifies the preregistered study. The commitment was stored at "
                "publication, before the first rating. The rows of the log form a hash chain. To verify them:"
            )
        )
    return Section("provenance", "Provenance and verification", [*blocks, Commands(commands)])


def files_section(findings: Findings) -> Section:
    """List the files of the report, and the meaning of the columns of the answers."""
    blocks: list[Block] = [Table("Files", ("file", "content"), FILES, n_text=2)]
    if findings.fonts.substitutes:
        numbered = [(number, name) for name, number in findings.fonts.substitutes.items()]
        blocks.append(Table("Names that are numbered in figures", ("in figures", "name"), numbered, n_text=2))
    if findings.about.columns:
        rows = [(name, sentence(meaning)) for name, (meaning, _) in findings.about.columns.items()]
        blocks.append(Table("Columns of the answers", ("column", "meaning"), rows, n_text=2))
    return Section("files", "Files of this report", blocks)
