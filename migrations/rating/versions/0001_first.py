"""Make the tables of the rating database.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("answer", "event")


def upgrade() -> None:
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("protocol", sa.String(), nullable=False),
        sa.Column("study_hash", sa.String(), nullable=False),
        sa.Column("commitment", sa.String(), nullable=False),
        sa.Column("published_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('published', 'open', 'closed', 'unblinded')", name=op.f("study_state_is_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("study_key")),
        sa.UniqueConstraint("name", name=op.f("study_has_unique_name")),
        sa.UniqueConstraint("slug", name=op.f("study_has_unique_slug")),
    )
    op.create_table(
        "booklet",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("n_trials", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("booklet_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("booklet_key")),
    )
    op.create_index(op.f("booklet_by_study_id"), "booklet", ["study_id"], unique=False)
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
        "item",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("item_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("item_key")),
    )
    op.create_index(op.f("item_by_study_id"), "item", ["study_id"], unique=False)
    op.create_table(
        "rater",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("booklet_id", sa.String(), nullable=False),
        sa.Column("token_digest", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("consented_at", sa.DateTime(), nullable=False),
        sa.Column("instructed_at", sa.DateTime(), nullable=True),
        sa.Column("finished_at", sa.DateTime(), nullable=True),
        sa.CheckConstraint("channel IN ('web', 'terminal')", name=op.f("rater_channel_is_known")),
        sa.ForeignKeyConstraint(
            ["booklet_id"], ["booklet.id"], name=op.f("rater_refers_to_booklet_by_booklet_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("rater_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("rater_key")),
        sa.UniqueConstraint("booklet_id", name="rater_has_a_booklet_of_their_own"),
        sa.UniqueConstraint("id", "booklet_id", name="rater_and_booklet"),
        sa.UniqueConstraint("token_digest", name="rater_token_is_unique"),
    )
    op.create_index(op.f("rater_by_study_id"), "rater", ["study_id"], unique=False)
    op.create_table(
        "trial",
        sa.Column("booklet_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["booklet_id"], ["booklet.id"], name=op.f("trial_refers_to_booklet_by_booklet_id")
        ),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("trial_refers_to_item_by_item_id")),
        sa.PrimaryKeyConstraint("booklet_id", "position", name=op.f("trial_key")),
        sa.UniqueConstraint("booklet_id", "item_id", name="trial_shows_an_item_once"),
    )
    op.create_index(op.f("trial_by_item_id"), "trial", ["item_id"], unique=False)
    op.create_table(
        "answer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("rater_id", sa.String(), nullable=False),
        sa.Column("booklet_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("dimension", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("submission_id", sa.String(), nullable=False),
        sa.Column("shown_ms", sa.Integer(), nullable=True),
        sa.Column("answered_at", sa.DateTime(), nullable=False),
        sa.CheckConstraint("revision >= 1", name=op.f("answer_revision_counts_from_one")),
        sa.ForeignKeyConstraint(
            ["booklet_id", "position"],
            ["trial.booklet_id", "trial.position"],
            name=op.f("answer_refers_to_trial_by_booklet_id_position"),
        ),
        sa.ForeignKeyConstraint(
            ["rater_id", "booklet_id"],
            ["rater.id", "rater.booklet_id"],
            name=op.f("answer_refers_to_rater_by_rater_id_booklet_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("answer_key")),
        sa.UniqueConstraint(
            "rater_id", "position", "dimension", "revision", name="answer_revision_is_unique"
        ),
        sa.UniqueConstraint("rater_id", "submission_id", "dimension", name="answer_is_stored_once"),
    )
    for table in APPEND_ONLY:
        for change in ("UPDATE", "DELETE"):
            op.execute(_refusal(table, change))


def downgrade() -> None:
    for table in APPEND_ONLY:
        for change in ("update", "delete"):
            on_table = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
            op.execute(f"DROP TRIGGER {table}_refuses_{change}{on_table}")
    op.drop_table("answer")
    op.drop_index(op.f("trial_by_item_id"), table_name="trial")
    op.drop_table("trial")
    op.drop_index(op.f("rater_by_study_id"), table_name="rater")
    op.drop_table("rater")
    op.drop_index(op.f("item_by_study_id"), table_name="item")
    op.drop_table("item")
    op.drop_table("event")
    op.drop_index(op.f("booklet_by_study_id"), table_name="booklet")
    op.drop_table("booklet")
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
