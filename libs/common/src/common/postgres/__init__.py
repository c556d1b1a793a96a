"""PostgreSQL as the services use it: transactions, batches of statements, migrations."""
