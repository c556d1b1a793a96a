from alembic import context

from common.postgres.migrate import run_in_env

run_in_env(context.config)
