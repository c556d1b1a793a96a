"""Files that hold secrets."""

from pathlib import Path


def replace_file(file: Path, text: str, mode: int, keep_previous: bool = False) -> None:
    """Whole or not at all: a reader never sees half a secret. The previous one stays beside it as
    NAME.previous, if so wanted and if it differs."""
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_text(text, encoding="utf-8")
    new.chmod(mode)
    if keep_previous and file.exists() and file.read_text(encoding="utf-8") != text:
        file.replace(previous_of(file))
    new.replace(file)


def previous_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.previous")
