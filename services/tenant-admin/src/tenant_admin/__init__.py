"""Clients, assistants, keys: the operators side."""
