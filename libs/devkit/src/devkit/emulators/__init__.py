"""Strict stand-ins of Meta's and OpenAI's APIs; the services do not know them."""
