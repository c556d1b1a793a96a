"""The command line: the same use-cases, for whoever has the database's URL."""
