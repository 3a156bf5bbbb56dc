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

_MOST_LISTED_LOOKS = 50
_TENTATIVE_ALPHA = 0.667
_ALPHA_REFERENCE = "Krippendorff 2004, Human Communication Research 30:411–433"


@dataclass(frozen=True)
class Check:
    """Something that was looked at, and whether it is as it should be."""

    passed: bool | None
    """None for what is worth knowing, and neither good nor bad."""
    says: str


def failed_checks_section(findings: Findings) -> Section:
    """List the failed checks for the first page, and count the others."""
    checks = list_checks(findings)
    failed = [sentence(check.says) for check in checks if check.passed is False]
    n_passed = sum(check.passed is True for check in checks)
    rest = f"{counted(n_passed, 'check')} passed; all of them, and further information, are under Checks."
    if not failed:
        return Section("failed", "Checks that failed", [Prose(f"None. {rest}")])
    return Section("failed", "Checks that failed", [Bullets(failed), Prose(rest)])


def checks_section(findings: Findings) -> Section:
    """List failed checks, then information, then passed checks."""
    checks = list_checks(findings)
    failed, known, passed = (
        [sentence(check.says) for check in checks if check.passed is kind] for kind in (False, None, True)
    )
    blocks: list[Block] = []
    if failed:
        n_failed = counted(len(failed), "check")
        blocks += [Prose(f"{n_failed} failed:", is_warning=True), Bullets(failed)]
    else:
        blocks.append(Prose("None of the checks failed."))
    if known:
        blocks += [Prose("For information:"), Bullets(known)]
    if passed:
        blocks += [Prose("Passed:"), Bullets(passed)]
    return Section("checks", "Checks", blocks)


def list_checks(findings: Findings) -> list[Check]:
    """Check the seal, the sample, the tests, the model, agreement and blinding."""
    checks = [*_of_the_study(findings.about.study, findings.analysis.planned), *_of_the_tests(findings)]
    checks += [
        Check(passed=False if note.weight == "fault" else None, says=note.says)
        for note in findings.analysis.notes
        if note.weight != "method" and not (note.topic == "sample" and findings.about.study)
    ]
    checks += _of_the_times(findings)
    checks += _of_the_blinding(findings)
    return checks


def _of_the_study(study: StudyFacts | None, planned: Planned) -> list[Check]:
    if study is None:
        return [
            Check(
                passed=None,
                says="these are ratings from elsewhere: nothing was preregistered or verified here",
            )
        ]
    finished = study.n_finished_raters >= study.n_planned_raters
    checks = [
        Check(passed=True, says="the key matches the commitment made at publication"),
        Check(passed=True, says="the study's log is an unbroken chain"),
        Check(
            passed=finished,
            says=f"{study.n_finished_raters} of {counted(study.n_planned_raters, 'planned rater')} finished",
        ),
    ]
    checks += [Check(passed=False, says=f"altered data: {each}") for each in study.altered]
    if study.amendments:
        checks.append(Check(passed=None, says=summarise_amendments(study)))
    added = describe_added_raters(study)
    if added:
        checks.append(Check(passed=False, says=added))
    if study.taken_out:
        was_seen = any(each.after_look for each in study.taken_out)
        checks.append(Check(passed=False if was_seen else None, says=describe_removed_raters(study)))
    checks += _of_the_confounds(study, planned)
    checks.append(_of_the_looks(study, planned))
    return checks


def _of_the_times(findings: Findings) -> list[Check]:
    """Report how far the rule on time could be applied; a rule that passes over raters is a failed check."""
    found = findings.analysis.exclusion
    if found is None:
        return []
    checks = []
    if found.n_untimed:
        says = f"the rule on time could not be applied to {counted(found.n_untimed, 'rater')} without times"
        checks.append(Check(passed=False, says=says))
    if found.n_server_timed:
        says = (
            f"for {counted(found.n_server_timed, 'rater')} the rule on time rests on the server's own answer "
            "times, since their browsers sent none"
        )
        checks.append(Check(passed=None, says=says))
    return checks


def _of_the_confounds(study: StudyFacts, planned: Planned) -> list[Check]:
    """List what told arms apart in the audit, and what was declared and not found."""
    if study.confounds is None:
        return []
    if not study.confounds:
        said = "the audit at publication found nothing but meaning that tells arms apart"
        checks = [Check(passed=True, says=said)]
    else:
        checks = [_of_a_confound(confound, planned) for confound in study.confounds]
    found = {confound.cue for confound in study.confounds}
    unfound = [cue for cue in study.declared_confounds if cue not in found]
    if unfound:
        said = f"declared as a confound, and not found to tell arms apart: {', '.join(unfound)}"
        checks.append(Check(passed=None, says=said))
    return checks


def _of_a_confound(confound: Confound, planned: Planned) -> Check:
    """Describe a confound; one of the arms compared that the study file did not declare is a failed check."""
    is_primary = {confound.first, confound.second} == set(planned.contrast)
    found = f"confound: {describe_confound(confound)}"
    if confound.is_declared:
        return Check(passed=None, says=f"{found}; declared in the study file")
    if not confound.is_of_texts:
        return Check(passed=None, says=f"{found}; chance assigned texts unevenly")
    said = f"{found}; not declared in the study file, acknowledged at publication"
    return Check(passed=False if is_primary else None, says=said)


def _of_the_looks(study: StudyFacts, planned: Planned) -> Check:
    n_early = sum(look.is_interim for look in study.looks)
    if not n_early:
        return Check(passed=True, says="nobody saw answers by arm while the study went on")
    n_planned = len(planned.looks.at) - 1 if planned.looks else 0
    says = f"answers were seen by arm {counted(n_early, 'time')} while the study went on, {n_planned} planned"
    if planned.spent is not None:
        return Check(passed=True, says=f"{says}, and alpha is spread over all of them")
    return Check(passed=n_early <= n_planned, says=says)


def _of_the_tests(findings: Findings) -> list[Check]:
    found = findings.primary
    checks = []
    if isinstance(found.primary, NotEstimable):
        checks.append(
            Check(passed=False, says=f"the primary test could not be made: {found.primary.sentence}")
        )
    elif not found.primary.warnings:
        checks.append(Check(passed=True, says="the primary test has no warnings"))
    checks += [_of_a_warning(warning) for warning in found.primary.warnings]
    ordinal = found.details.ordinal
    if isinstance(ordinal, Result):
        if ordinal.warnings:
            checks += [Check(passed=None, says=f"ordinal model: {warning}") for warning in ordinal.warnings]
        else:
            checks.append(Check(passed=True, says="the ordinal model's fit has no warnings"))
    if found.details.spread is not None and found.details.spread.reading:
        checks.append(Check(passed=None, says=found.details.spread.reading))
    if isinstance(found.details.agreement, Agreement):
        checks += _of_the_agreement(found.details.agreement.krippendorff_ordinal)
    return checks


def _of_a_warning(warning: str) -> Check:
    """Report a warning of the primary test; one that most studies have is information."""
    return Check(passed=None if is_routine(warning) else False, says=f"primary test: {warning}")


def _of_the_agreement(alpha: Quantity) -> list[Check]:
    """Report the agreement; a low one costs power, and does not make the tests invalid."""
    if isinstance(alpha, NotEstimable):
        return []
    found = f"Krippendorff's alpha is {with_interval(alpha)}"
    if alpha.estimate >= _TENTATIVE_ALPHA:
        says = f"raters agree about single texts: {found}, {_TENTATIVE_ALPHA:g} or more"
        return [Check(passed=True, says=f"{says} ({_ALPHA_REFERENCE})")]
    if alpha.interval is None:
        how = "the agreement about single texts has no interval"
    elif alpha.interval.low > 0:
        how = "raters agree about single texts less than content analysis asks of coders"
    else:
        how = "raters are not shown to agree about single texts more than by chance"
    says = (
        f"{how}: {found}, below {_TENTATIVE_ALPHA:g} ({_ALPHA_REFERENCE}). Raters are a factor of the test "
        "here: lower agreement costs power, and makes no test wrong"
    )
    return [Check(passed=None, says=says)]


def _of_the_blinding(findings: Findings) -> list[Check]:
    """Say whether guesses were more often right than wrong, as far as the interval shows it."""
    blinding = findings.analysis.blinding
    if not isinstance(blinding, Blinding) or blinding.together.estimate is None:
        return []
    index, interval = blinding.together, interval_of(blinding.together)
    _, rights, wrongs, unknowns = zip(*blinding.counts, strict=True)
    guesses = f"{sum(rights)} right, {sum(wrongs)} wrong, {sum(unknowns)} don't know"
    found = f"({guesses}); Bang's index is {with_interval(index)}"
    if interval is None:
        return [Check(passed=None, says=f"guesses of the arm {found}, and nothing says how sure that is")]
    if interval.low > 0:
        says = (
            f"guesses of the arm were more often right than wrong {found}. Steering that works is visible, "
            "so this is no defect by itself; see the difference among those who did not guess right"
        )
        return [Check(passed=None, says=says)]
    if interval.high < 0:
        return [Check(passed=None, says=f"guesses of the arm were more often wrong than right {found}")]
    return [
        Check(passed=None, says=f"guesses of the arm are not shown to be more often right than wrong {found}")
    ]


def looks_section(findings: Findings) -> Section | None:
    """List the looks in the log, and say what unplanned ones may have cost."""
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
            "while the study went on" if look.is_interim else "after it was closed",
        )
        for look in study.looks[-_MOST_LISTED_LOOKS:]
    ]
    table = Table("Every look in the log", ("look", "when", "who", "why", "answers", "state"), rows, n_text=6)
    cost = Prose(describe_cost_of_looks(study, findings.analysis.planned))
    unshown = [Prose(sentence(each)) for each in (describe_unshown_looks(study),) if each]
    return Section(
        "looks", "Access log: who saw answers by arm", [cost, table, *unshown, Prose(_masked_exports(study))]
    )


def _masked_exports(study: StudyFacts) -> str:
    """Report how often ratings were exported without arms: information, since this is no look at arms."""
    n = study.n_masked_exports
    if not n:
        return "Ratings were not exported without their arms."
    return (
        f"Ratings were exported without their arms {counted(n, 'time')}. Such an export is not a look: it "
        "has no arm, and a text has another id in it for each rater."
    )


def amendments_section(findings: Findings) -> Section | None:
    """List every amendment in the log; None where nothing was amended."""
    study = findings.about.study
    if study is None or not study.amendments:
        return None
    rows = [(f"{each.version}", each.at, each.who, each.why, list_changes(each)) for each in study.amendments]
    table = Table(
        "Every amendment in the log", ("version", "when", "who", "why", "what changed"), rows, n_text=5
    )
    said = (
        "A study's texts and its number of raters can be amended after publication; arms, texts rated, and "
        f"what is tested cannot. {describe_planned_raters(study)}"
    )
    return Section("amendments", "Amendments", [Prose(said), table])


FILES = (
    ("report.html, report.md", "this report"),
    (
        "results.json",
        "every result: estimate, interval, statistic, df, p, n, method, reference, warnings, settings",
    ),
    (
        "answers.csv, answers.parquet",
        "every answer with its arm, one row each, those that were left out included",
    ),
    ("answers.dictionary.json", "what each of their columns means"),
    ("texts.csv", "every text with its arm, measurements and mean rating, where they are known"),
    ("texts.dictionary.json", "what each of their columns means"),
    ("comments.csv", "what raters wrote at the end, where they did"),
    ("methods.md", "the methods paragraphs with references"),
    ("figures/", "every figure as SVG and PNG"),
)


def provenance_section(findings: Findings, digest: str) -> Section:
    """List versions, hashes and heads, and the commands that verify them."""
    study = findings.about.study
    rows = [("SHA-256 of answers.csv", digest)]
    commands = ["sha256sum answers.csv"]
    if study is None:
        rows.insert(0, ("file", findings.about.source))
    else:
        rows += [
            ("study", study.name),
            ("study hash (what is preregistered)", study.study_hash),
            ("commitment to the key", study.commitment),
            ("head of the log", study.log_head),
        ]
        if not findings.about.is_rehearsal:
            commands += [f"rater verify {study.name} --head {study.log_head}", "rater check STUDY_FILE.py"]
    rows += [(f"version of {name}", number) for name, number in versions().items()]
    blocks: list[Block] = [Table("What vouches for this", ("what", "value"), rows, n_text=2)]
    if findings.about.is_rehearsal:
        blocks.append(
            Prose(
                "Hash, commitment and log are those of a rehearsal's throwaway databases, which are gone: "
                "nothing here vouches for the study itself."
            )
        )
    elif study is not None:
        blocks.append(
            Prose(
                "The study's hash is what was preregistered; the commitment was stored at publication, "
                "before the first rating; the log's rows are chained by their hashes. To verify them:"
            )
        )
    return Section("provenance", "Provenance and verification", [*blocks, Commands(commands)])


def files_section(findings: Findings) -> Section:
    """Say which files belong to the report, and what the columns of the answers mean."""
    blocks: list[Block] = [Table("Files", ("file", "content"), FILES, n_text=2)]
    if findings.fonts.substitutes:
        numbered = [(number, name) for name, number in findings.fonts.substitutes.items()]
        blocks.append(Table("Names that are numbered in figures", ("in figures", "name"), numbered, n_text=2))
    if findings.about.columns:
        rows = [(name, sentence(says)) for name, (says, _) in findings.about.columns.items()]
        blocks.append(Table("Columns of the answers", ("column", "meaning"), rows, n_text=2))
    return Section("files", "Files of this report", blocks)
