"""Text from outside, made fit to be kept."""


def storable(text: str) -> str:
    """Without what PostgreSQL or UTF-8 cannot hold: NUL and lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
