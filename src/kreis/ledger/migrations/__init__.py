"""How the schema came to be: Alembic revisions, run by `kreis.ledger.revision.upgrade`."""
