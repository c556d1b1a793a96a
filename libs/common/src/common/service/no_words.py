"""For programs that take nothing on their command line."""

from argparse import ArgumentParser


def refuse_words(description: str | None) -> None:
    """Ends with the usage for --help (exit code 0) and for any other word (2): whoever writes one
    does not mean what the program would do. `description`: what it does, and what it needs."""
    ArgumentParser(description=description).parse_args()
