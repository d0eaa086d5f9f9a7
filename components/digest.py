"""A digest of source trees: the key of everything that is built by content (images, toolchain, stand-ins)."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

IGNORED_NAMES: Final = frozenset(
    {"target", "__pycache__", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store"}
)
"""Files and folders with these names are results of a build or a test run, never its source."""

_CHUNK_BYTES: Final = 1 << 20


def tree_digest(*paths: Path) -> str:
    """Digest files and folders by name, content and executable bit; 64 hexadecimal characters.

    The result depends neither on the folder a checkout lies in, nor on modification times, nor on the order
    of the arguments. Symbolic links count as their target's name and are not followed.

    Raises:
        FileNotFoundError: a path does not exist.
        ValueError: no path was given, which would be the same digest for everything.
    """
    if not paths:
        raise ValueError("tree_digest needs at least one path")
    digest = hashlib.sha256()
    for path in sorted(paths, key=lambda given: (given.name, given.as_posix())):
        if not path.exists() and not path.is_symlink():
            raise FileNotFoundError(f"cannot digest {path}: it does not exist")
        for member in _members(path):
            name = f"{path.name}/{member.relative_to(path).as_posix()}" if member != path else path.name
            digest.update(f"{len(name)}:{name}:{_entry(member)}\n".encode())
    return digest.hexdigest()


def _members(path: Path) -> Iterator[Path]:
    """Files and links at or below a path, in the order of their names, without what a build leaves behind."""
    if path.is_symlink() or path.is_file():
        yield path
        return
    for child in sorted(path.iterdir(), key=lambda entry: entry.name):
        if child.name not in IGNORED_NAMES:
            yield from _members(child)


def _entry(path: Path) -> str:
    if path.is_symlink():
        return f"link:{path.readlink().as_posix()}"
    content = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            content.update(chunk)
    kind = "executable" if path.stat().st_mode & 0o100 else "file"
    return f"{kind}:{content.hexdigest()}"
