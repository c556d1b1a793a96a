"""The schema `admin` as SQLAlchemy Core sees it; migrations/ creates it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

SCHEMA = "admin"
metadata = sa.MetaData()
TIMESTAMPTZ = sa.DateTime(timezone=True)

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("id", sa.Integer, sa.Identity(always=True), primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("phone_number", sa.Text),
    sa.Column("phone_number_id", sa.Text),
    sa.Column("assistant_id", sa.Text),
    sa.Column("active", sa.Boolean),
    sa.Column("created_at", TIMESTAMPTZ),
    sa.Column("updated_at", TIMESTAMPTZ),
    sa.Column("settings", JSONB),
    sa.Column("version", sa.Integer),
)
client_secret = sa.Table(
    "client_secret",
    metadata,
    sa.Column("client_id", sa.Integer, primary_key=True),
    sa.Column("field", sa.Text, primary_key=True),
    sa.Column("sealed", sa.Text),
)
assistant = sa.Table(
    "assistant",
    metadata,
    sa.Column("assistant_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("published_version", sa.Integer),
    sa.Column("revision", sa.Integer),
    sa.Column("created_at", TIMESTAMPTZ),
)
assistant_version = sa.Table(
    "assistant_version",
    metadata,
    sa.Column("assistant_id", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("instructions", sa.Text),
    sa.Column("model", sa.Text),
    sa.Column("reasoning_effort", sa.Text),
    sa.Column("verbosity", sa.Text),
    sa.Column("temperature", sa.Double),
    sa.Column("top_p", sa.Double),
    sa.Column("max_output_tokens", sa.Integer),
    sa.Column("tools", JSONB),
    sa.Column("response_format", JSONB(none_as_null=True)),
    sa.Column("source_raw", JSONB(none_as_null=True)),
    sa.Column("source_hash", sa.Text),
    sa.Column("warnings", JSONB),
    sa.Column("created_at", TIMESTAMPTZ),
    sa.Column("created_by", sa.Text),
)
api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("prefix", sa.Text, primary_key=True),
    sa.Column("name", sa.Text),
    sa.Column("hash", sa.Text),
    sa.Column("scopes", ARRAY(sa.Text)),
    sa.Column("role", sa.Text),
    sa.Column("clients", ARRAY(sa.Integer)),
    sa.Column("allows", ARRAY(sa.Text)),
    sa.Column("created_at", TIMESTAMPTZ),
    sa.Column("created_by", sa.Text),
    sa.Column("expires", TIMESTAMPTZ),
    sa.Column("last_used", TIMESTAMPTZ),
    sa.Column("revoked", TIMESTAMPTZ),
)
audit_log = sa.Table(
    "audit_log",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("at", TIMESTAMPTZ),
    sa.Column("actor", sa.Text),
    sa.Column("key_prefix", sa.Text),
    sa.Column("request_id", sa.Text),
    sa.Column("action", sa.Text),
    sa.Column("object", sa.Text),
    sa.Column("before_hash", sa.Text),
    sa.Column("after_hash", sa.Text),
    sa.Column("changes", JSONB),
)
audit_chain = sa.Table(
    "audit_chain",
    metadata,
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("line_id", sa.BigInteger),
    sa.Column("hash", sa.Text),
)
idempotent_request = sa.Table(
    "idempotent_request",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("request_hash", sa.Text),
    sa.Column("answer", sa.LargeBinary),
    sa.Column("created_at", TIMESTAMPTZ),
)
client_usage = sa.Table(
    "client_usage",
    metadata,
    sa.Column("client_id", sa.Integer, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("calls", sa.Integer),
    sa.Column("unpriced_calls", sa.Integer),
    sa.Column("input_tokens", sa.BigInteger),
    sa.Column("cached_tokens", sa.BigInteger),
    sa.Column("cache_write_tokens", sa.BigInteger),
    sa.Column("output_tokens", sa.BigInteger),
    sa.Column("reasoning_tokens", sa.BigInteger),
    sa.Column("cost_micros", sa.BigInteger),
)
number_replies = sa.Table(
    "number_replies",
    metadata,
    sa.Column("client_id", sa.Integer, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("phone_number_id", sa.Text, primary_key=True),
    sa.Column("replies", sa.Integer),
)
counted_delivery = sa.Table(
    "counted_delivery",
    metadata,
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("counted_at", TIMESTAMPTZ),
    sa.Column("priced", sa.Boolean),
)
priced_replies = sa.Table(
    "priced_replies",
    metadata,
    sa.Column("client_id", sa.Integer, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("pricing_category", sa.Text, primary_key=True),
    sa.Column("pricing_type", sa.Text, primary_key=True),
    sa.Column("replies", sa.Integer),
)
account_news = sa.Table(
    "account_news",
    metadata,
    sa.Column("waba_id", sa.Text, primary_key=True),
    sa.Column("phone_number_id", sa.Text, primary_key=True),
    sa.Column("phone_number", sa.Text, primary_key=True),
    sa.Column("what", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("level", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("limit", sa.Text),
    sa.Column("messages_per_second", sa.Integer),
    sa.Column("at", TIMESTAMPTZ),
    sa.Column("until", TIMESTAMPTZ),
)
number_account = sa.Table(
    "number_account",
    metadata,
    sa.Column("phone_number_id", sa.Text, primary_key=True),
    sa.Column("waba_id", sa.Text),
)
