"""Find out how a file writes characters as bytes."""

from pathlib import Path

_SAMPLE = 2**20  # bytes


def encoding_hint(path: Path) -> str:
    """What to do about a file in another encoding: name the one that it looks like."""
    found = find_encoding(path)
    if found and found != "utf-8":
        return f"it looks like {found}: set data.encoding: {found}"
    return "save the file as UTF-8, or name its encoding by data.encoding"


def find_encoding(path: Path) -> str | None:
    """Stub."""
    return None
