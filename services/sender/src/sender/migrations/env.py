from alembic import context

from common.migrate import run_in_env

run_in_env(context.config)
