"""The catalogue of metrics: what is counted, in which unit, with which labels.

Labels hold names of topics, outcomes and reasons, never tenants' data.
"""

from prometheus_client import Counter, Gauge, Histogram

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

LOOP_LAG = Histogram(
    "conserje_loop_lag_seconds", "How late the event loop was, once a second", buckets=SECONDS
)
WEBHOOKS = Counter("conserje_webhooks", "POSTs to /webhook", ["result"])
WEBHOOK_SECONDS = Histogram(
    "conserje_webhook_seconds", "From first byte to answer", buckets=SECONDS
)
ROUTED = Counter("conserje_routed", "What the router made of webhook items", ["kind", "result"])
ACCOUNT_NEWS = Counter("conserje_account_news", "What Meta told about accounts", ["what", "level"])
CONSUMED = Counter("conserje_consumed", "Records stored by a consumer", ["topic"])
CONSUMER_LAG = Gauge("conserje_consumer_lag", "Records read or known, not yet stored", ["topic"])
DEAD_LETTERS = Counter("conserje_dead_letters", "Dead-lettered records", ["topic", "reason"])
OUTAGES = Counter("conserje_outages", "Times a consumer had to wait", ["topic", "reason"])
WORK_CLAIMED = Counter("conserje_work_claimed", "Due rows claimed", ["work", "way"])
WORK_FINISHED = Counter("conserje_work_finished", "Outcomes of due work", ["work", "outcome"])
WORK_REFUSED = Counter("conserje_work_refused", "Late results refused by their epoch", ["work"])
WORK_RUNNING = Gauge("conserje_work_running", "Due rows claimed", ["work"])
OUTBOX_PUBLISHED = Counter("conserje_outbox_published", "Rows acked by the broker")
OUTBOX_FAILED = Counter("conserje_outbox_failed", "Rows that stay for the sweep")
OUTBOX_REFUSED = Counter("conserje_outbox_refused", "Rows that no broker takes", ["topic"])
OUTBOX_OLDEST = Gauge("conserje_outbox_oldest_seconds", "Age of the oldest unpublished row")
RETENTION_ROWS = Counter(
    "conserje_retention_rows", "Rows deleted or emptied because their time was over", ["rule"]
)
RETENTION_COMPLETED = Gauge(
    "conserje_retention_completed_timestamp_seconds",
    "Unix time of the last complete run; of the start before the first one",
)
CONFIG_MENDED = Counter("conserje_config_mended", "Records repaired", ["topic"])
MODEL_CALLS = Counter(
    "conserje_model_calls",
    "Calls of the Responses API, and those that a circuit stopped",
    ["result"],
)
MODEL_SECONDS = Histogram("conserje_model_seconds", "Duration of a model call", buckets=SECONDS)
MODEL_TOKENS = Counter("conserje_model_tokens", "Tokens billed", ["direction"])
MODEL_CIRCUITS_OPENED = Counter(
    "conserje_model_circuits_opened", "Times that calls of the model were stopped", ["cause"]
)
MEDIA = Counter("conserje_media", "Files of contacts, opened or why not", ["what", "result"])
BUDGETS_REACHED = Counter(
    "conserje_budgets_reached", "Turns that were not asked for a spent budget", ["limit"]
)
GRAPH_CALLS = Counter("conserje_graph_calls", "Calls of the Graph API", ["call", "result"])
GRAPH_SECONDS = Histogram("conserje_graph_seconds", "Duration of a Graph call", buckets=SECONDS)
GRAPH_ALERTS = Counter(
    "conserje_graph_alerts",
    "Refusals that hold back a number until a person acts",
    ["code", "scope"],
)
DELIVERIES = Counter("conserje_deliveries", "Deliveries by state reached", ["state"])
DELIVERIES_FAILED = Counter(
    "conserje_deliveries_failed", "Messages that Meta took and gave up later", ["code"]
)
