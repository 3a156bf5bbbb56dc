"""Make the tables of the sealed database.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("event", "key_entry")


def upgrade() -> None:
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number."),
        sa.Column("name", sa.String(), nullable=False, comment="Name of the study on the command line."),
        sa.Column("hash", sa.String(), nullable=False, comment="SHA-256 of the canonical JSON."),
        sa.Column(
            "canonical_json", sa.String(), nullable=False, comment="The whole study as canonical JSON."
        ),
        sa.Column(
            "created_at", sa.DateTime(), nullable=False, comment="Time at which generation began, in UTC."
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("study_key")),
        sa.UniqueConstraint("name", name=op.f("study_has_unique_name")),
    )
    op.create_table(
        "completion",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number, in the order of generation."),
        sa.Column(
            "study_id", sa.Integer(), nullable=False, comment="The study that the completion belongs to."
        ),
        sa.Column(
            "prompt_index", sa.Integer(), nullable=False, comment="Index of the prompt in the study, from 0."
        ),
        sa.Column("arm", sa.String(), nullable=False, comment="The arm's name."),
        sa.Column(
            "sample",
            sa.Integer(),
            nullable=False,
            comment="Number of the sample of this prompt, from 0; all arms share its random stream.",
        ),
        sa.Column(
            "seed",
            sa.BigInteger(),
            nullable=True,
            comment="Seed of that random stream; empty for a text from a file.",
        ),
        sa.Column(
            "token_ids",
            sa.JSON(),
            nullable=False,
            comment="The generated token ids; empty for a text from a file.",
        ),
        sa.Column(
            "text", sa.String(), nullable=False, comment="The generated text, as the tokenizer decodes it."
        ),
        sa.Column(
            "stop_reason",
            sa.String(),
            nullable=False,
            comment="eos; length if the text was cut off; unknown for a text from a file.",
        ),
        sa.Column(
            "nll",
            sa.Double(),
            nullable=True,
            comment="Mean negative log-likelihood of the tokens under the same model, unsteered and given the"
            " study's prompt alone, in nats per token, to two decimals; empty for a text from a file.",
        ),
        sa.Column(
            "repetition",
            sa.Double(),
            nullable=False,
            comment="Share of the text's three-word sequences that occur earlier in the text.",
        ),
        sa.Column(
            "versions",
            sa.JSON(),
            nullable=False,
            comment="Versions of the software, and the device, that generated the text.",
        ),
        sa.Column("created_at", sa.DateTime(), nullable=False, comment="Time of generation, in UTC."),
        sa.CheckConstraint(
            "stop_reason IN ('eos', 'length', 'unknown')", name=op.f("completion_stop_reason_is_known")
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("completion_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("completion_key")),
        sa.UniqueConstraint("study_id", "prompt_index", "arm", "sample", name="completion_is_made_once"),
    )
    op.create_index(op.f("completion_by_study_id"), "completion", ["study_id"], unique=False)
    op.create_table(
        "event",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number."),
        sa.Column(
            "sequence", sa.Integer(), nullable=False, comment="Position in the study's hash chain, from 1."
        ),
        sa.Column(
            "kind", sa.String(), nullable=False, comment="Kind of event: published, open, closed, unblinded …"
        ),
        sa.Column(
            "detail", sa.String(), nullable=False, comment="Canonical JSON with the details of the event."
        ),
        sa.Column("at", sa.DateTime(), nullable=False, comment="Time of the event, in UTC."),
        sa.Column(
            "previous_hash",
            sa.String(),
            nullable=False,
            comment="Hash of the previous row; zeros in the first row.",
        ),
        sa.Column(
            "hash", sa.String(), nullable=False, comment="SHA-256 over this row and the previous hash."
        ),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study that the event belongs to."),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("event_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("event_key")),
        sa.UniqueConstraint("study_id", "sequence", name="event_has_one_place"),
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The published study."),
        sa.Column(
            "seed",
            sa.String(),
            nullable=False,
            comment="256 random bits in hexadecimal, disclosed at unblinding.",
        ),
        sa.Column(
            "salt",
            sa.String(),
            nullable=False,
            comment="256 random bits in hexadecimal, hashed together with the key.",
        ),
        sa.Column(
            "commitment", sa.String(), nullable=False, comment="SHA-256 over salt, seed, study hash and key."
        ),
        sa.Column("published_at", sa.DateTime(), nullable=False, comment="Time of publication, in UTC."),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("publication_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("publication_key")),
        sa.UniqueConstraint("study_id", name=op.f("publication_has_unique_study_id")),
    )
    op.create_table(
        "key_entry",
        sa.Column(
            "item_id",
            sa.String(),
            nullable=False,
            comment="The item's random identifier in the rating database.",
        ),
        sa.Column(
            "publication_id",
            sa.Integer(),
            nullable=False,
            comment="The publication that the item belongs to.",
        ),
        sa.Column("completion_id", sa.Integer(), nullable=False, comment="The completion."),
        sa.ForeignKeyConstraint(
            ["completion_id"], ["completion.id"], name=op.f("key_entry_refers_to_completion_by_completion_id")
        ),
        sa.ForeignKeyConstraint(
            ["publication_id"],
            ["publication.id"],
            name=op.f("key_entry_refers_to_publication_by_publication_id"),
        ),
        sa.PrimaryKeyConstraint("item_id", name=op.f("key_entry_key")),
        sa.UniqueConstraint("completion_id", name=op.f("key_entry_has_unique_completion_id")),
    )
    op.create_index(op.f("key_entry_by_publication_id"), "key_entry", ["publication_id"], unique=False)
    op.create_table(
        "metric",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study whose texts are measured."),
        sa.Column("name", sa.String(), nullable=False, comment="Name of the metric on the command line."),
        sa.Column(
            "kind",
            sa.String(),
            nullable=False,
            comment="Kind of metric: text, words, classifier, embedding, judge …",
        ),
        sa.Column(
            "dimension",
            sa.String(),
            nullable=True,
            comment="The dimension whose question a judge answered; empty for other metrics.",
        ),
        sa.Column(
            "definition",
            sa.String(),
            nullable=False,
            comment="Canonical JSON with everything that determines a value, without keys of a server.",
        ),
        sa.Column(
            "order_seed",
            sa.String(),
            nullable=False,
            comment="128 random bits in hexadecimal: the seed of the order in which texts are measured.",
        ),
        sa.Column(
            "created_at", sa.DateTime(), nullable=False, comment="Time of the first measurement, in UTC."
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("metric_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("metric_key")),
        sa.UniqueConstraint("study_id", "name", name="metric_has_unique_name"),
    )
    op.create_table(
        "measurement",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number, in the order of measurement."),
        sa.Column("metric_id", sa.Integer(), nullable=False, comment="The metric."),
        sa.Column(
            "completion_id",
            sa.Integer(),
            nullable=False,
            comment="The measured completion; of a pair, the one that was shown first.",
        ),
        sa.Column(
            "second_completion_id",
            sa.Integer(),
            nullable=False,
            comment="Of a pair, the completion that was shown second; otherwise the measured completion.",
        ),
        sa.Column("repeat", sa.Integer(), nullable=False, comment="Number of the repetition, from 0."),
        sa.Column(
            "shown_hash",
            sa.String(),
            nullable=False,
            comment="SHA-256 of the prompt, text and fields that the metric was given.",
        ),
        sa.Column("value", sa.Double(), nullable=True, comment="The value; empty where there is none."),
        sa.Column(
            "reason",
            sa.String(),
            nullable=False,
            comment="Reason for a missing value; empty where there is a value.",
        ),
        sa.Column(
            "reply",
            sa.String(),
            nullable=True,
            comment="The raw reply of a judge, or the label of a classifier.",
        ),
        sa.Column("created_at", sa.DateTime(), nullable=False, comment="Time of the measurement, in UTC."),
        sa.ForeignKeyConstraint(
            ["completion_id"],
            ["completion.id"],
            name=op.f("measurement_refers_to_completion_by_completion_id"),
        ),
        sa.ForeignKeyConstraint(
            ["metric_id"], ["metric.id"], name=op.f("measurement_refers_to_metric_by_metric_id")
        ),
        sa.ForeignKeyConstraint(
            ["second_completion_id"],
            ["completion.id"],
            name=op.f("measurement_refers_to_completion_by_second_completion_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("measurement_key")),
        sa.UniqueConstraint(
            "metric_id",
            "completion_id",
            "second_completion_id",
            "repeat",
            "shown_hash",
            name="measurement_is_made_once",
        ),
    )
    op.create_index(op.f("measurement_by_completion_id"), "measurement", ["completion_id"], unique=False)
    op.create_index(
        op.f("measurement_by_second_completion_id"), "measurement", ["second_completion_id"], unique=False
    )
    for table in APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            op.execute(_refusal(table, change))


def downgrade() -> None:
    for table in APPEND_ONLY:
        for change in ("update", "delete"):
            on_table = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
            op.execute(f"DROP TRIGGER {table}_refuses_{change}{on_table}")
    op.drop_index(op.f("measurement_by_second_completion_id"), table_name="measurement")
    op.drop_index(op.f("measurement_by_completion_id"), table_name="measurement")
    op.drop_table("measurement")
    op.drop_table("metric")
    op.drop_index(op.f("key_entry_by_publication_id"), table_name="key_entry")
    op.drop_table("key_entry")
    op.drop_table("publication")
    op.drop_table("event")
    op.drop_index(op.f("completion_by_study_id"), table_name="completion")
    op.drop_table("completion")
    op.drop_table("study")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")


def _refusal(table: str, change: str) -> str:
    name = f"{table}_refuses_{change.lower()}"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
        )
        return f"CREATE TRIGGER {name} BEFORE {change} ON {table} EXECUTE FUNCTION refuse_change()"
    refusal = f"SELECT RAISE(ABORT, '{table} is append-only')"
    return f"CREATE TRIGGER {name} BEFORE {change} ON {table} BEGIN {refusal}; END"
