"""The use-cases of clients, assistants, keys and the audit log, and the tables they write."""
