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
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("canonical_json", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("study_key")),
        sa.UniqueConstraint("name", name=op.f("study_has_unique_name")),
    )
    op.create_table(
        "completion",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("prompt_index", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("token_ids", sa.JSON(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("stop_reason", sa.String(), nullable=False),
        sa.Column("nll", sa.Double(), nullable=True),
        sa.Column("repetition", sa.Double(), nullable=False),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
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
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("previous_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("event_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("event_key")),
        sa.UniqueConstraint("study_id", "sequence", name="event_has_one_place"),
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("publication_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("publication_key")),
        sa.UniqueConstraint("study_id", name=op.f("publication_has_unique_study_id")),
    )
    op.create_table(
        "key_entry",
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("publication_id", sa.Integer(), nullable=False),
        sa.Column("completion_id", sa.Integer(), nullable=False),
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
    for table in APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            op.execute(_refusal(table, change))


def downgrade() -> None:
    for table in APPEND_ONLY:
        for change in ("update", "delete"):
            on_table = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
            op.execute(f"DROP TRIGGER {table}_refuses_{change}{on_table}")
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
