"""Run the rating database's migrations on the connection that `rater.store.migrate` hands over."""

from alembic import context

from rater.store.rating.schema import RatingBase

# Alembic's defaults leave half-applied migrations on SQLite: here each is one transaction, revision row too.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=RatingBase.metadata,
    transactional_ddl=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
