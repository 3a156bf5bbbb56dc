"""Say where the results come from, what vouches for them, and how to verify that."""

from rater.analysis.wording import sentence
from rater.report.document import Block, Commands, Prose, Section, Table
from rater.report.sections.findings import Findings
from rater.report.sections.methods import versions

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
