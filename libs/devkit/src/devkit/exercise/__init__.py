"""Exercises a running installation: adds clients, chats with them, puts load on it."""
