"""Make the tables of the rating database.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("amendment", "answer", "event", "guess")
OF_RATERS = ("answer", "guess")
"""Tables whose rows may be deleted once the log has the rater's redaction; see rater.store.rating.forget."""


def upgrade() -> None:
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number."),
        sa.Column("name", sa.String(), nullable=False, comment="Name of the study on the command line."),
        sa.Column("slug", sa.String(), nullable=False, comment="Random part of the study's web address."),
        sa.Column(
            "state",
            sa.String(),
            nullable=False,
            comment="published, open, paused, closed, unblinded or archived.",
        ),
        sa.Column(
            "protocol",
            sa.String(),
            nullable=False,
            comment="Canonical JSON of all that raters are shown except the rated texts, as published.",
        ),
        sa.Column(
            "study_hash", sa.String(), nullable=False, comment="SHA-256 of the whole study as published."
        ),
        sa.Column(
            "commitment",
            sa.String(),
            nullable=False,
            comment="SHA-256 over the salted key; proves at unblinding that the key has not changed.",
        ),
        sa.Column("published_at", sa.DateTime(), nullable=False, comment="Time of publication, in UTC."),
        sa.CheckConstraint(
            "state IN ('published', 'open', 'paused', 'closed', 'unblinded', 'archived')",
            name=op.f("study_state_is_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("study_key")),
        sa.UniqueConstraint("name", name=op.f("study_has_unique_name")),
        sa.UniqueConstraint("slug", name=op.f("study_has_unique_slug")),
    )
    op.create_table(
        "amendment",
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The amended study."),
        sa.Column(
            "version",
            sa.Integer(),
            nullable=False,
            comment="Version of the protocol: 2 for the first amendment, 3 for the second …",
        ),
        sa.Column(
            "protocol",
            sa.String(),
            nullable=False,
            comment="Canonical JSON of what raters are shown from this version on.",
        ),
        sa.Column("reason", sa.String(), nullable=False, comment="Reason for the amendment."),
        sa.Column("amended_at", sa.DateTime(), nullable=False, comment="Time of the amendment, in UTC."),
        sa.CheckConstraint("version >= 2", name=op.f("amendment_counts_from_two")),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("amendment_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("study_id", "version", name=op.f("amendment_key")),
    )
    op.create_table(
        "booklet",
        sa.Column("id", sa.String(), nullable=False, comment="Random identifier (128 bits)."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study that the booklet belongs to."),
        sa.Column("n_trials", sa.Integer(), nullable=False, comment="Number of trials."),
        sa.Column(
            "n_lines",
            sa.Integer(),
            nullable=False,
            comment="Lines of the booklet's longest text on a wide page; the page reserves room for it.",
        ),
        sa.Column(
            "n_narrow_lines",
            sa.Integer(),
            nullable=False,
            comment="Lines of the booklet's longest text on a phone.",
        ),
        sa.Column(
            "n_shared_lines",
            sa.Integer(),
            nullable=False,
            comment="Most lines above several texts on a wide page: fields, reference and conversation.",
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("booklet_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("booklet_key")),
    )
    op.create_index(op.f("booklet_by_study_id"), "booklet", ["study_id"], unique=False)
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
        "item",
        sa.Column("id", sa.String(), nullable=False, comment="Random identifier (128 bits)."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study that the item belongs to."),
        sa.Column("prompt", sa.String(), nullable=False, comment="The prompt that the model continued."),
        sa.Column("text", sa.String(), nullable=False, comment="The model's continuation of the prompt."),
        sa.Column(
            "fields",
            sa.String(),
            nullable=False,
            comment="Canonical JSON of the fields of the prompt that questions may name, with their values.",
        ),
        sa.Column(
            "is_check",
            sa.Boolean(),
            nullable=False,
            comment="True for the text of an attention check, false for a completion.",
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("item_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("item_key")),
    )
    op.create_index(op.f("item_by_study_id"), "item", ["study_id"], unique=False)
    op.create_table(
        "tally",
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study visited."),
        sa.Column(
            "kind",
            sa.String(),
            nullable=False,
            comment="Reason: declined, no_cookie, unfilled_link, busy_network, wrong_device or excluded.",
        ),
        sa.Column("n", sa.Integer(), nullable=False, comment="Number of visits."),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("tally_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("study_id", "kind", name=op.f("tally_key")),
    )
    op.create_table(
        "unfilled_parameter",
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study visited."),
        sa.Column("parameter", sa.String(), nullable=False, comment="Name of the link's parameter."),
        sa.Column(
            "reason",
            sa.String(),
            nullable=False,
            comment="Reason: absent, blank, template, nothing (such as undefined) or malformed.",
        ),
        sa.Column("n", sa.Integer(), nullable=False, comment="Number of visits."),
        sa.Column("last_at", sa.DateTime(), nullable=False, comment="Time of the latest visit, in UTC."),
        sa.CheckConstraint(
            "reason IN ('absent', 'blank', 'template', 'nothing', 'malformed')",
            name=op.f("unfilled_parameter_reason_is_known"),
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("unfilled_parameter_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("study_id", "parameter", "reason", name=op.f("unfilled_parameter_key")),
    )
    op.create_table(
        "network_count",
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study begun."),
        sa.Column(
            "network_digest",
            sa.String(),
            nullable=False,
            comment="scrypt digest of an IPv4 address, or of the /64 of an IPv6 address, salted with the "
            "study's slug.",
        ),
        sa.Column("hour", sa.DateTime(), nullable=False, comment="Start of the hour, in UTC."),
        sa.Column("n", sa.Integer(), nullable=False, comment="Number of booklets."),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("network_count_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("study_id", "network_digest", "hour", name=op.f("network_count_key")),
    )
    op.create_table(
        "participant_list",
        sa.Column("study", sa.String(), nullable=False, comment="Name of the other study."),
        sa.Column(
            "parameter",
            sa.String(),
            nullable=False,
            comment="Name of the link's parameter with the participant ID.",
        ),
        sa.Column("key", sa.String(), nullable=False, comment="Random key of the digests, in hexadecimal."),
        sa.Column(
            "made_at", sa.DateTime(), nullable=False, comment="Time at which the list was made, in UTC."
        ),
        sa.PrimaryKeyConstraint("study", name=op.f("participant_list_key")),
    )
    op.create_table(
        "listed_participant",
        sa.Column("study", sa.String(), nullable=False, comment="Name of the other study."),
        sa.Column(
            "digest",
            sa.String(),
            nullable=False,
            comment="HMAC-SHA-256 of the participant ID with the key of the list.",
        ),
        sa.ForeignKeyConstraint(
            ["study"],
            ["participant_list.study"],
            name=op.f("listed_participant_refers_to_participant_list_by_study"),
        ),
        sa.PrimaryKeyConstraint("study", "digest", name=op.f("listed_participant_key")),
    )
    op.create_table(
        "attention_check",
        sa.Column(
            "item_id",
            sa.String(),
            nullable=False,
            comment="The item of the attention check; of several, the one in the first place.",
        ),
        sa.Column("dimension", sa.String(), nullable=False, comment="The dimension asked about."),
        sa.Column("lowest", sa.Double(), nullable=False, comment="Lowest answer that passes."),
        sa.Column("highest", sa.Double(), nullable=False, comment="Highest answer that passes."),
        sa.CheckConstraint("lowest <= highest", name=op.f("attention_check_can_be_passed")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["item.id"], name=op.f("attention_check_refers_to_item_by_item_id")
        ),
        sa.PrimaryKeyConstraint("item_id", "dimension", name=op.f("attention_check_key")),
    )
    op.create_table(
        "rater",
        sa.Column("id", sa.String(), nullable=False, comment="Random identifier (128 bits)."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study rated."),
        sa.Column("booklet_id", sa.String(), nullable=False, comment="The assigned booklet."),
        sa.Column(
            "person_id",
            sa.String(),
            nullable=False,
            comment="The person: the id of the row of their first booklet.",
        ),
        sa.Column(
            "booklet_number",
            sa.Integer(),
            nullable=False,
            comment="1 for the person's first booklet, 2 for the second …",
        ),
        sa.Column(
            "channel", sa.String(), nullable=False, comment="web or terminal: where the rater takes part."
        ),
        sa.Column(
            "consented_at",
            sa.DateTime(),
            nullable=False,
            comment="Time of consent, in UTC; of a later booklet, the time at which it was assigned.",
        ),
        sa.Column(
            "screened_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the rater passed the screening, in UTC.",
        ),
        sa.Column(
            "questions_before_at",
            sa.DateTime(),
            nullable=True,
            comment="Time of the answers to the questionnaire before the trials, in UTC.",
        ),
        sa.Column(
            "instructed_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the rater left the instructions, in UTC.",
        ),
        sa.Column(
            "practised_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the rater left the practice, in UTC.",
        ),
        sa.Column(
            "n_practice_attempts",
            sa.Integer(),
            nullable=False,
            comment="Number of failed attempts at the practice.",
        ),
        sa.Column(
            "finished_at",
            sa.DateTime(),
            nullable=True,
            comment="Time of the answer to the last trial, in UTC.",
        ),
        sa.Column(
            "asked_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the blinding question was opened, in UTC; answers are final from then on.",
        ),
        sa.Column(
            "guessed_at",
            sa.DateTime(),
            nullable=True,
            comment="Time of the answer to the blinding question, in UTC.",
        ),
        sa.Column(
            "questions_after_at",
            sa.DateTime(),
            nullable=True,
            comment="Time of the answers to the questionnaire after the trials, in UTC.",
        ),
        sa.Column(
            "commented_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the rater left the page for a final comment, in UTC.",
        ),
        sa.Column(
            "left_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the rater left the study before its end, in UTC.",
        ),
        sa.Column(
            "left_why",
            sa.String(),
            nullable=True,
            comment="Reason for leaving: stopped, withdrawn, screened_out, failed_practice or over_quota.",
        ),
        sa.Column(
            "replaced_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the place was freed, so that the booklet is assigned to another rater, in "
            "UTC.",
        ),
        sa.Column(
            "replaced_why",
            sa.String(),
            nullable=True,
            comment="Reason for freeing the place: inactive, by_hand, returned, timed_out, rejected or "
            "failed_checks.",
        ),
        sa.CheckConstraint(
            "(replaced_at IS NULL) = (replaced_why IS NULL)", name=op.f("rater_was_replaced_for_a_reason")
        ),
        sa.CheckConstraint(
            "replaced_why IN ('inactive', 'by_hand', 'returned', 'timed_out', 'rejected', 'failed_checks')",
            name=op.f("rater_reason_for_freeing_is_known"),
        ),
        sa.CheckConstraint("channel IN ('web', 'terminal')", name=op.f("rater_channel_is_known")),
        sa.CheckConstraint(
            "left_why IN ('stopped', 'withdrawn', 'screened_out', 'failed_practice', 'over_quota')",
            name=op.f("rater_reason_is_known"),
        ),
        sa.CheckConstraint("(left_at IS NULL) = (left_why IS NULL)", name=op.f("rater_left_for_a_reason")),
        sa.ForeignKeyConstraint(
            ["booklet_id"], ["booklet.id"], name=op.f("rater_refers_to_booklet_by_booklet_id")
        ),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("rater_refers_to_study_by_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("rater_key")),
        sa.UniqueConstraint("id", "booklet_id", name="rater_and_booklet"),
        sa.UniqueConstraint("person_id", "booklet_number", name="rater_has_one_booklet_of_a_number"),
        sa.CheckConstraint(
            "booklet_number >= 1 AND (booklet_number = 1) = (person_id = id)",
            name=op.f("rater_is_the_person_of_a_first_booklet"),
        ),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["rater.id"],
            name=op.f("rater_refers_to_rater_by_person_id"),
            initially="DEFERRED",
            deferrable=True,
        ),
    )
    op.create_index(op.f("rater_by_booklet_id"), "rater", ["booklet_id"], unique=False)
    op.create_index(op.f("rater_by_study_id"), "rater", ["study_id"], unique=False)
    op.create_table(
        "trial",
        sa.Column(
            "booklet_id", sa.String(), nullable=False, comment="The booklet that the trial belongs to."
        ),
        sa.Column("position", sa.Integer(), nullable=False, comment="Position in the booklet, from 1."),
        sa.Column(
            "dimension",
            sa.String(),
            nullable=True,
            comment="The one dimension that the trial asks about; empty if it asks about all.",
        ),
        sa.Column(
            "is_repeat",
            sa.Boolean(),
            nullable=False,
            comment="True if the booklet has shown the same items before, for test-retest reliability.",
        ),
        sa.ForeignKeyConstraint(
            ["booklet_id"], ["booklet.id"], name=op.f("trial_refers_to_booklet_by_booklet_id")
        ),
        sa.PrimaryKeyConstraint("booklet_id", "position", name=op.f("trial_key")),
        sa.UniqueConstraint("booklet_id", "position", "is_repeat", name="trial_and_repeat"),
    )
    op.create_table(
        "trial_text",
        sa.Column(
            "booklet_id", sa.String(), nullable=False, comment="The booklet that the trial belongs to."
        ),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=False,
            comment="Position of the trial in the booklet, from 1.",
        ),
        sa.Column(
            "place",
            sa.Integer(),
            nullable=False,
            comment=("Place among the trial's texts, from 1: from left to right, or from top to bottom."),
        ),
        sa.Column("item_id", sa.String(), nullable=False, comment="The item shown."),
        sa.Column(
            "is_repeat",
            sa.Boolean(),
            nullable=False,
            comment="True if the trial is a repeat; the same as the trial's.",
        ),
        sa.CheckConstraint("place >= 1", name=op.f("trial_text_place_counts_from_one")),
        sa.ForeignKeyConstraint(
            ["booklet_id", "position", "is_repeat"],
            ["trial.booklet_id", "trial.position", "trial.is_repeat"],
            name=op.f("trial_text_refers_to_trial_by_booklet_id_position_is_repeat"),
        ),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("trial_text_refers_to_item_by_item_id")),
        sa.PrimaryKeyConstraint("booklet_id", "position", "place", name=op.f("trial_text_key")),
        sa.UniqueConstraint("booklet_id", "item_id", "is_repeat", name="trial_text_shows_an_item_once"),
    )
    op.create_index(op.f("trial_text_by_item_id"), "trial_text", ["item_id"], unique=False)
    op.create_table(
        "answer",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number."),
        sa.Column("rater_id", sa.String(), nullable=False, comment="The rater who answered."),
        sa.Column("booklet_id", sa.String(), nullable=False, comment="The rater's booklet."),
        sa.Column(
            "position", sa.Integer(), nullable=False, comment="Position of the trial in the booklet, from 1."
        ),
        sa.Column("dimension", sa.String(), nullable=False, comment="The dimension rated."),
        sa.Column(
            "revision",
            sa.Integer(),
            nullable=False,
            comment="1 for the first submission of this answer, 2 for the second …, changed or not.",
        ),
        sa.Column(
            "value",
            sa.Double(),
            nullable=True,
            comment="The answer on the dimension's scale; negative for the left one of a pair; empty if the "
            "rater cannot judge, or the question does not apply.",
        ),
        sa.Column(
            "not_applicable",
            sa.Boolean(),
            nullable=False,
            comment="True if the rater answered that the question does not apply.",
        ),
        sa.Column(
            "confidence",
            sa.Integer(),
            nullable=True,
            comment="How sure the rater is of the answer, from 1, the least; empty if it was not asked or "
            "not given.",
        ),
        sa.Column("comment", sa.String(), nullable=True, comment="The rater's comment on this answer."),
        sa.Column(
            "submission_id",
            sa.String(),
            nullable=False,
            comment="Random identifier of the page that was sent; a page sent twice is stored once.",
        ),
        sa.Column(
            "shown_ms",
            sa.Integer(),
            nullable=True,
            comment="Time for which the trial was shown before the answer, in ms; empty without JavaScript.",
        ),
        sa.Column(
            "first_render_ms",
            sa.Integer(),
            nullable=True,
            comment="Time until the page was first rendered, in ms; empty without JavaScript.",
        ),
        sa.Column(
            "hidden_ms",
            sa.Integer(),
            nullable=True,
            comment="Part of shown_ms for which another tab or window hid the page, in ms.",
        ),
        sa.Column(
            "answered_at",
            sa.DateTime(),
            nullable=False,
            comment="Time at which the answer was stored, in UTC.",
        ),
        sa.CheckConstraint("revision >= 1", name=op.f("answer_revision_counts_from_one")),
        sa.CheckConstraint(
            "value IS NULL OR NOT not_applicable", name=op.f("answer_applies_or_has_no_value")
        ),
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
        sqlite_autoincrement=True,
    )
    op.create_table(
        "comment",
        sa.Column("rater_id", sa.String(), nullable=False, comment="The rater who commented."),
        sa.Column("text", sa.String(), nullable=False, comment="The comment."),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name=op.f("comment_refers_to_rater_by_rater_id")),
        sa.PrimaryKeyConstraint("rater_id", name=op.f("comment_key")),
    )
    op.create_table(
        "guess",
        sa.Column("rater_id", sa.String(), nullable=False, comment="The rater who guessed."),
        sa.Column(
            "position",
            sa.Integer(),
            nullable=False,
            comment="Position of the trial whose text the guess is about; 0 for all texts.",
        ),
        sa.Column(
            "choice", sa.String(), nullable=False, comment="The label chosen: first, second or unsure."
        ),
        sa.Column(
            "guessed_at", sa.DateTime(), nullable=False, comment="Time at which the guess was stored, in UTC."
        ),
        sa.CheckConstraint("choice IN ('first', 'second', 'unsure')", name=op.f("guess_is_known")),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name=op.f("guess_refers_to_rater_by_rater_id")),
        sa.PrimaryKeyConstraint("rater_id", "position", name=op.f("guess_key")),
    )
    op.create_table(
        "identifier",
        sa.Column("rater_id", sa.String(), nullable=False, comment="The rater identified."),
        sa.Column("name", sa.String(), nullable=False, comment="Name of the link's parameter."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study rated."),
        sa.Column("value", sa.String(), nullable=False, comment="Value of the link's parameter."),
        sa.Column(
            "is_person",
            sa.Boolean(),
            nullable=False,
            comment="True if the value identifies the person, who can then begin the study only once.",
        ),
        sa.ForeignKeyConstraint(
            ["rater_id"], ["rater.id"], name=op.f("identifier_refers_to_rater_by_rater_id")
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("identifier_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("rater_id", "name", name=op.f("identifier_key")),
    )
    op.create_index(
        "identifier_starts_once",
        "identifier",
        ["study_id", "value"],
        unique=True,
        sqlite_where=sa.text("is_person"),
        postgresql_where=sa.text("is_person"),
    )
    op.create_table(
        "invitation",
        sa.Column("code_digest", sa.String(), nullable=False, comment="SHA-256 of the code in the link."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study that the link opens."),
        sa.Column(
            "label", sa.String(), nullable=False, comment="The experimenter's label: a number or a name."
        ),
        sa.Column("rater_id", sa.String(), nullable=True, comment="The rater who used the link."),
        sa.Column(
            "made_at", sa.DateTime(), nullable=False, comment="Time at which the link was created, in UTC."
        ),
        sa.ForeignKeyConstraint(
            ["rater_id"], ["rater.id"], name=op.f("invitation_refers_to_rater_by_rater_id")
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("invitation_refers_to_study_by_study_id")
        ),
        sa.PrimaryKeyConstraint("code_digest", name=op.f("invitation_key")),
    )
    op.create_index(op.f("invitation_by_study_id"), "invitation", ["study_id"], unique=False)
    op.create_table(
        "questionnaire_answer",
        sa.Column("rater_id", sa.String(), nullable=False, comment="The rater who answered."),
        sa.Column("question", sa.String(), nullable=False, comment="Name of the question."),
        sa.Column(
            "value",
            sa.String(),
            nullable=True,
            comment="The answer as JSON: a text, a number, or a list; empty if the rater declined.",
        ),
        sa.ForeignKeyConstraint(
            ["rater_id"], ["rater.id"], name=op.f("questionnaire_answer_refers_to_rater_by_rater_id")
        ),
        sa.PrimaryKeyConstraint("rater_id", "question", name=op.f("questionnaire_answer_key")),
    )
    op.create_table(
        "token",
        sa.Column("digest", sa.String(), nullable=False, comment="SHA-256 of the random token kept there."),
        sa.Column("rater_id", sa.String(), nullable=False, comment="The rater that the token belongs to."),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name=op.f("token_refers_to_rater_by_rater_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("token_key")),
    )
    op.create_index(op.f("token_by_rater_id"), "token", ["rater_id"], unique=False)
    op.create_table(
        "shown_ending",
        sa.Column("rater_id", sa.String(), nullable=False, comment="The rater."),
        sa.Column("outcome", sa.String(), nullable=False, comment="The outcome whose ending was shown."),
        sa.Column(
            "code",
            sa.String(),
            nullable=True,
            comment="The completion code; empty if the ending has none.",
        ),
        sa.Column(
            "shown_at",
            sa.DateTime(),
            nullable=False,
            comment="Time at which it was first shown, in UTC.",
        ),
        sa.ForeignKeyConstraint(
            ["rater_id"], ["rater.id"], name=op.f("shown_ending_refers_to_rater_by_rater_id")
        ),
        sa.PrimaryKeyConstraint("rater_id", "outcome", name=op.f("shown_ending_key")),
    )
    op.create_table(
        "desk_user",
        sa.Column("id", sa.Integer(), nullable=False, comment="Row number."),
        sa.Column("name", sa.String(), nullable=False, comment="Login name."),
        sa.Column(
            "password_hash",
            sa.String(),
            nullable=False,
            comment="Argon2id hash of the password, with its salt and parameters.",
        ),
        sa.Column(
            "made_at", sa.DateTime(), nullable=False, comment="Time at which the user was added, in UTC."
        ),
        sa.Column(
            "role",
            sa.String(),
            nullable=True,
            comment="owner or monitor of every study; empty for a user of the granted studies only.",
        ),
        sa.Column(
            "sees_identifiers",
            sa.Boolean(),
            nullable=False,
            comment="True if the user may see participants' identifiers in every study.",
        ),
        sa.CheckConstraint("role IN ('owner', 'monitor')", name=op.f("desk_user_role_is_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("desk_user_key")),
        sa.UniqueConstraint("name", name=op.f("desk_user_has_unique_name")),
    )
    op.create_table(
        "desk_grant",
        sa.Column("user_id", sa.Integer(), nullable=False, comment="The user."),
        sa.Column("study_id", sa.Integer(), nullable=False, comment="The study."),
        sa.Column("role", sa.String(), nullable=False, comment="owner or monitor."),
        sa.Column(
            "sees_identifiers",
            sa.Boolean(),
            nullable=False,
            comment="True if the user may see participants' identifiers in this study.",
        ),
        sa.CheckConstraint("role IN ('owner', 'monitor')", name=op.f("desk_grant_role_is_known")),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("desk_grant_refers_to_study_by_study_id")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["desk_user.id"],
            name=op.f("desk_grant_refers_to_desk_user_by_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "study_id", name=op.f("desk_grant_key")),
    )
    op.create_table(
        "desk_session",
        sa.Column(
            "token_digest",
            sa.String(),
            nullable=False,
            comment="SHA-256 of the random token in the browser's cookie.",
        ),
        sa.Column("user_id", sa.Integer(), nullable=False, comment="The user who is logged in."),
        sa.Column("begun_at", sa.DateTime(), nullable=False, comment="Time of the login, in UTC."),
        sa.Column(
            "seen_at",
            sa.DateTime(),
            nullable=False,
            comment="Time of the last request, to within a minute, in UTC.",
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["desk_user.id"],
            name=op.f("desk_session_refers_to_desk_user_by_user_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_digest", name=op.f("desk_session_key")),
    )
    op.create_index(op.f("desk_session_by_user_id"), "desk_session", ["user_id"], unique=False)
    op.create_table(
        "desk_preview",
        sa.Column("key", sa.String(), nullable=False, comment="Random name of the preview."),
        sa.Column(
            "version",
            sa.Integer(),
            nullable=False,
            comment="1 for a new preview, and one more after each change.",
        ),
        sa.Column(
            "content",
            sa.LargeBinary(),
            nullable=False,
            comment="SQLite file of the preview, compressed with zlib.",
        ),
        sa.Column(
            "made_at",
            sa.DateTime(),
            nullable=False,
            comment="Time at which the preview was made, in UTC.",
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("desk_preview_key")),
    )
    op.create_table(
        "webhook_event",
        sa.Column(
            "id",
            sa.String(),
            nullable=False,
            comment="Random identifier (128 bits), sent with each attempt.",
        ),
        sa.Column(
            "kind", sa.String(), nullable=False, comment="full, attrition, checks_failing or server_errors."
        ),
        sa.Column(
            "study",
            sa.String(),
            nullable=False,
            comment="Name of the study; empty for an event of the server.",
        ),
        sa.Column(
            "period",
            sa.DateTime(),
            nullable=False,
            comment="Start of the hour or day in which an event of this kind is reported once, in UTC.",
        ),
        sa.Column(
            "body",
            sa.String(),
            nullable=False,
            comment="Canonical JSON that is sent: the event, the study, and its numbers.",
        ),
        sa.Column("made_at", sa.DateTime(), nullable=False, comment="Time of the event, in UTC."),
        sa.Column("n_attempts", sa.Integer(), nullable=False, comment="Number of attempts to send it."),
        sa.Column(
            "next_at",
            sa.DateTime(),
            nullable=False,
            comment="Time from which the next attempt may be made, in UTC.",
        ),
        sa.Column(
            "delivered_at",
            sa.DateTime(),
            nullable=True,
            comment="Time at which the receiver confirmed it, in UTC; empty until then.",
        ),
        sa.CheckConstraint(
            "kind IN ('full', 'attrition', 'checks_failing', 'server_errors')",
            name=op.f("webhook_event_kind_is_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("webhook_event_key")),
        sa.UniqueConstraint("kind", "study", "period", name=op.f("webhook_event_is_reported_once")),
    )
    for table in APPEND_ONLY:
        for change in _changes():
            op.execute(_refusal(table, change))


def downgrade() -> None:
    for table in APPEND_ONLY:
        for change in _changes():
            on_table = f" ON {table}" if op.get_bind().dialect.name == "postgresql" else ""
            op.execute(f"DROP TRIGGER {table}_refuses_{change.lower()}{on_table}")
    op.drop_table("webhook_event")
    op.drop_table("desk_preview")
    op.drop_index(op.f("desk_session_by_user_id"), table_name="desk_session")
    op.drop_table("desk_session")
    op.drop_table("desk_grant")
    op.drop_table("desk_user")
    op.drop_index(op.f("token_by_rater_id"), table_name="token")
    op.drop_table("token")
    op.drop_table("shown_ending")
    op.drop_table("questionnaire_answer")
    op.drop_index(op.f("invitation_by_study_id"), table_name="invitation")
    op.drop_table("invitation")
    op.drop_index(
        "identifier_starts_once",
        table_name="identifier",
        sqlite_where=sa.text("is_person"),
        postgresql_where=sa.text("is_person"),
    )
    op.drop_table("identifier")
    op.drop_table("guess")
    op.drop_table("comment")
    op.drop_table("answer")
    op.drop_index(op.f("trial_text_by_item_id"), table_name="trial_text")
    op.drop_table("trial_text")
    op.drop_table("trial")
    op.drop_index(op.f("rater_by_study_id"), table_name="rater")
    op.drop_index(op.f("rater_by_booklet_id"), table_name="rater")
    op.drop_table("rater")
    op.drop_table("attention_check")
    op.drop_table("listed_participant")
    op.drop_table("participant_list")
    op.drop_table("network_count")
    op.drop_table("unfilled_parameter")
    op.drop_table("tally")
    op.drop_index(op.f("item_by_study_id"), table_name="item")
    op.drop_table("item")
    op.drop_table("event")
    op.drop_index(op.f("booklet_by_study_id"), table_name="booklet")
    op.drop_table("booklet")
    op.drop_table("amendment")
    op.drop_table("study")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change()")
        op.execute("DROP FUNCTION refuse_unless_redacted()")


def _changes() -> tuple[str, ...]:
    """List what rows are protected from; SQLite has no TRUNCATE."""
    return (
        ("UPDATE", "DELETE", "TRUNCATE")
        if op.get_bind().dialect.name == "postgresql"
        else ("UPDATE", "DELETE")
    )


def _refusal(table: str, change: str) -> str:
    name = f"{table}_refuses_{change.lower()}"
    may_be_redacted = change == "DELETE" and table in OF_RATERS
    if op.get_bind().dialect.name == "postgresql":
        return _postgresql_refusal(table, change, name=name, may_be_redacted=may_be_redacted)
    condition = ""
    if may_be_redacted:
        logged = "kind = 'redacted' AND json_extract(detail, '$.rater') = OLD.rater_id"
        condition = f"WHEN NOT EXISTS (SELECT 1 FROM event WHERE {logged}) "
    refusal = f"SELECT RAISE(ABORT, '{table} is append-only')"
    return f"CREATE TRIGGER {name} BEFORE {change} ON {table} {condition}BEGIN {refusal}; END"


def _postgresql_refusal(table: str, change: str, *, name: str, may_be_redacted: bool) -> str:
    refusal = "RAISE EXCEPTION '% is append-only', TG_TABLE_NAME"
    logged = "kind = 'redacted' AND detail::json->>'rater' = OLD.rater_id"
    for function, body in (
        ("refuse_change", f"{refusal};"),
        (
            "refuse_unless_redacted",
            f"IF NOT EXISTS (SELECT 1 FROM event WHERE {logged}) THEN {refusal}; END IF; RETURN OLD;",
        ),
    ):
        op.execute(
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN {body} END $$"
        )
    if may_be_redacted:
        action = "FOR EACH ROW EXECUTE FUNCTION refuse_unless_redacted()"
    else:
        action = "EXECUTE FUNCTION refuse_change()"
    return f"CREATE TRIGGER {name} BEFORE {change} ON {table} {action}"
