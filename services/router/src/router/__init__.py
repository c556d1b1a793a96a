"""Finds the tenant of every message and status and re-keys them by conversation."""
