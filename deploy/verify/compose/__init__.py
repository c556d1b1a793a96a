"""The compose file on a real Docker engine: brought up, exercised, disturbed, and taken down."""
