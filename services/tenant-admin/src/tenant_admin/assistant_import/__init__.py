"""Exported assistants and prompts become versions."""
