"""The command line: the same use-cases, for operators who have the database's URL."""
