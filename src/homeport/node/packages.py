"""Packaged applications as releases: they are immutable where they were unpacked, and need no copy."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from homeport.build.generator.registry_file import RegistryFile
from homeport.node.application import Edition
from homeport.node.releases import Release, ReleaseFailed
from homeport.packaged import Package, is_package, program_of, read_package
from homeport.unpacked import hold


def packaged_at(target: str, cwd: Path) -> Package | None:
    """The unpacked application that a TARGET names; None when it is source.

    Raises:
        UsageError: it is one, but damaged.
    """
    folder = cwd / target
    return read_package(folder) if is_package(folder) else None


def edition_of(package: Package, releases: Path) -> Edition:
    """The package as a release, started by its own libraries; its registry is the one that was built.

    Raises:
        UsageError: the registry is damaged.
        ReleaseFailed: there is no room for a link to it.
    """
    hold(package.folder)
    release = Release(id=package.release, root=_linked(package, releases), program=program_of(package))
    registry = RegistryFile(package.registry)
    registry.verify()
    return Edition(plan=registry.plan(release.root), release=release, registry=package.registry.read_bytes())


def kept_release(releases: Path, name: str) -> Release:
    """A release that was made before; if it is a package, with the program that starts it."""
    root = releases / name
    folder = Path(os.readlink(root)).parent if root.is_symlink() else None
    if folder is not None:
        hold(folder)
    program = program_of(read_package(folder)) if folder is not None and is_package(folder) else ()
    return Release(id=name, root=root, program=program)


def _linked(package: Package, releases: Path) -> Path:
    """A link among the releases, so that everything finds them in one place."""
    link = releases / package.release
    try:
        if not link.is_symlink() or Path(os.readlink(link)) != package.root:
            fresh = releases / f".copy-{secrets.token_hex(6)}"
            fresh.symlink_to(package.root, target_is_directory=True)
            fresh.replace(link)
    except OSError as error:
        raise ReleaseFailed(f"cannot link {package.root} into {releases}: {error.strerror or error}") from error
    return link
