"""The files of an application, as releases and artefacts take them."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from homeport.build.scanner.exclusion import Exclusion, is_foreign_folder

REGISTRY_SUFFIX, SBOM_SUFFIX = ".registry.json", ".cdx.json"  # of what lies beside an artefact

_Identity = tuple[int, int]


def application_files(
    root: Path, exclusion: Exclusion, *, tops: Collection[str] | None = None, leave_out: Collection[Path] = ()
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every file below ``root`` with its path relative to that, but for what is no part of an application.

    With ``tops``, only what stands in ``root`` by these names is looked at: beside a package there may be anything.
    ``leave_out`` are further folders to pass over. Links to folders are followed, but not round in a circle.

    Raises:
        OSError: a folder cannot be read, or has just gone.
    """
    left_out = {_identity(folder) for folder in leave_out if folder.exists()}
    pending: list[tuple[str, str, frozenset[_Identity]]] = [(os.fspath(root), "", frozenset())]
    while pending:
        folder, prefix, above = pending.pop()
        here = _identity(folder)
        if here in above or (prefix and here in left_out):
            continue
        with os.scandir(folder) as entries:
            found = list(entries)
        names = {entry.name for entry in found}
        if prefix and (is_foreign_folder(folder, names) or _holds_artefacts(names)):
            continue
        for entry in found:
            relative = prefix + entry.name
            if exclusion.skips(entry.name, relative) or (not prefix and tops is not None and entry.name not in tops):
                continue
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link that leads to itself
                continue
            if is_folder:
                pending.append((entry.path, f"{relative}/", above | {here}))
            elif is_file:
                yield relative, entry


def _identity(folder: str | Path) -> _Identity:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _holds_artefacts(names: Collection[str]) -> bool:
    """Whether a folder is one that artefacts were put into: they are no part of what they were made of."""
    made = (name.removesuffix(REGISTRY_SUFFIX) for name in names if name.endswith(REGISTRY_SUFFIX))
    return any(f"{name}{SBOM_SUFFIX}" in names for name in made)
