"""The HTTP API: routes, who may use them, and its reference page."""
