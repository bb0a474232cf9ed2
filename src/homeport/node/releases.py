"""Immutable copies of the application's files, named by their content, that workers run from.

Only the application is copied: the virtual environment with its libraries is shared and not versioned.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import hashlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Collection, Sequence
from pathlib import Path

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.files import application_files
from homeport.build.scanner.exclusion import Exclusion
from homeport.errors import HomeportError
from homeport.nodes import write_private
from homeport.program import Program

LARGE_BYTES = 200 * 1024 * 1024
KEEP = 5
_SETTLED = 2.0  # seconds: file systems with coarse times could hide a change that is younger
_STALE = 3600.0  # seconds after which an unfinished copy is surely nobody's
_ATTEMPTS = 3  # at copying files that come and go meanwhile
_BLOCK = 1024 * 1024


class ReleaseFailed(HomeportError):
    """The application's files could not be copied."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    root: Path  # the import root inside the copy
    findings: tuple[Finding, ...] = ()
    program: Program = ()  # what starts its workers; none: the node's own

    @property
    def registry(self) -> Path:
        """Of the services in the copy; beside it, so that it goes when the copy goes."""
        return self.root.with_name(f"{self.id}.registry")


class _File(msgspec.Struct, frozen=True):
    relative: str
    path: str
    size: int
    changed: tuple[int, int]  # ns: of the content, and of the entry, which tells a replacement that kept the time
    executable: bool


class _Manifest(msgspec.Struct, frozen=True):
    """Beside each release: what must be there, to notice a copy that a power cut left incomplete."""

    sizes: dict[str, int]


class Releases:
    """The releases of one data folder. Several processes may make the same one at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def folder(self) -> Path:
        return self._folder

    def make(self, root: Path, exclude: Sequence[str] = (), tops: Collection[str] | None = None) -> Release:
        """The release of what is below ``root`` now: a new copy, or the one that already holds the same content.

        With ``tops``, only what stands in ``root`` by these names.

        Raises:
            ReleaseFailed: a file cannot be read, or there is no room.
        """
        try:
            files, release = self._made_of(root, tuple(exclude), tops)
            signature = _signature(root, files)
            newest = max((max(file.changed) for file in files), default=0) / 1e9
            if newest < time.time() - _SETTLED:
                self._remember(signature, release)
            os.utime(self._folder / release)  # the order in which prune() forgets
        except OSError as error:
            raise _failed(error, root, self._folder) from error
        return Release(id=release, root=self._folder / release, findings=_too_large(root, files))

    def _made_of(self, root: Path, exclude: tuple[str, ...], tops: Collection[str] | None) -> tuple[list[_File], str]:
        """What there is to copy, and the release that holds it."""
        for remaining in reversed(range(_ATTEMPTS)):
            try:
                walk = application_files(root, Exclusion(exclude), tops=tops)
                files = sorted((_file(entry, relative) for relative, entry in walk), key=lambda file: file.relative)
                return files, self._known(_signature(root, files)) or self._copy(files)
            except FileNotFoundError as error:
                # Editors and tools replace files at any time; one that is gone again belongs to no release.
                if not remaining or not _is_below(error.filename, root):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def prune(self, in_use: Collection[str], keep: int = KEEP) -> None:
        """Remove all releases but those in use and the ``keep`` latest others, and what interrupted copies left."""
        found = sorted(self._existing(), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in [path for path in found if path.name not in in_use][keep:]:
            self._remove(path)
        for path in self._folder.glob(".copy-*"):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _STALE:
                    shutil.rmtree(path, ignore_errors=True)

    def _existing(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith(".")]

    def _remove(self, release: Path) -> None:
        # Renamed first, so that nobody takes a half removed release for a whole one.
        doomed = self._folder / f".copy-{secrets.token_hex(6)}"
        with contextlib.suppress(OSError):
            release.rename(doomed)
            if doomed.is_symlink():  # a package, which is not ours to remove
                doomed.unlink()
            shutil.rmtree(doomed, ignore_errors=True)
            self._manifest(release.name).unlink(missing_ok=True)
            release.with_name(f"{release.name}.registry").unlink(missing_ok=True)

    def _copy(self, files: Sequence[_File]) -> str:
        fresh = self._folder / f".copy-{secrets.token_hex(6)}"
        fresh.mkdir(mode=0o700)
        try:
            total, sizes = hashlib.blake2b(digest_size=6), {}
            for file in files:
                digest, size = _copy_file(file, fresh / file.relative)
                total.update(f"{file.relative}\0{file.executable:d}\0".encode(errors="surrogateescape") + digest)
                sizes[file.relative] = size
            release = total.hexdigest()
            target = self._folder / release
            if target.exists() and not self._whole(release):
                self._remove(target)
            write_private(self._manifest(release), msgspec.json.encode(_Manifest(sizes)))
            try:
                fresh.rename(target)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
            return release
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _manifest(self, release: str) -> Path:
        return self._folder / f"{release}.json"

    def _whole(self, release: str) -> bool:
        try:
            manifest = msgspec.json.decode(self._manifest(release).read_bytes(), type=_Manifest)
            target = os.fspath(self._folder / release)
            return all(os.stat(f"{target}/{path}").st_size == size for path, size in manifest.sizes.items())
        except (OSError, msgspec.DecodeError):
            return False

    # -- the fast path: files that look the same are the same ----------------------------------------------------------

    def _known(self, signature: str) -> str | None:
        release = self._seen().get(signature)
        return release if release is not None and self._whole(release) else None

    def _remember(self, signature: str, release: str) -> None:
        seen = self._seen()
        if seen.get(signature) != release:
            kept = {old: name for old, name in seen.items() if (self._folder / name).is_dir()}
            write_private(self._folder / "seen.json", msgspec.json.encode({**kept, signature: release}))

    def _seen(self) -> dict[str, str]:
        try:
            return msgspec.json.decode((self._folder / "seen.json").read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError):
            return {}


def differing(one: Path, other: Path) -> set[str]:
    """Files that two releases do not share, relative to their roots."""
    files = [
        {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and not _made(path)}
        for root in (one, other)
    ]
    both = files[0] & files[1]
    changed = {name for name in both if not filecmp.cmp(one / name, other / name, shallow=False)}
    return (files[0] ^ files[1]) | changed


def _made(path: Path) -> bool:
    """Whether running it wrote the file."""
    return path.suffix == ".pyc"


def _is_below(path: object, root: Path) -> bool:
    return isinstance(path, str) and Path(path).is_relative_to(root)


def _file(entry: os.DirEntry[str], relative: str) -> _File:
    status = entry.stat()
    changed = (status.st_mtime_ns, status.st_ctime_ns)
    return _File(relative, entry.path, status.st_size, changed, bool(status.st_mode & stat.S_IXUSR))


def _signature(root: Path, files: Sequence[_File]) -> str:
    described = msgspec.msgpack.encode([(f.relative, f.size, f.changed, f.executable) for f in files], enc_hook=str)
    return hashlib.blake2b(os.fsencode(root) + b"\0" + described, digest_size=16).hexdigest()


def _copy_file(file: _File, target: Path) -> tuple[bytes, int]:
    """Copy and digest in one reading, so that the name tells what was copied even if the file changes meanwhile."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest, size = hashlib.blake2b(digest_size=16), 0
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o555 if file.executable else 0o444)
    with open(file.path, "rb") as source, os.fdopen(descriptor, "wb") as copy:
        while block := source.read(_BLOCK):
            digest.update(block)
            size += copy.write(block)
    return digest.digest(), size


def _too_large(root: Path, files: Sequence[_File]) -> tuple[Finding, ...]:
    total = sum(file.size for file in files)
    if total <= LARGE_BYTES:
        return ()
    parts: dict[str, int] = {}
    for file in files:
        top = file.relative.partition("/")[0]
        parts[top] = parts.get(top, 0) + file.size
    largest = sorted(parts, key=lambda part: -parts[part])[:3]
    listed = ", ".join(f"{part} ({parts[part] / 1e6:.0f} MB)" for part in largest)
    return (
        Finding(
            severity="warning",
            path=os.fspath(root),
            line=0,
            column=0,
            code="HP601",
            message=f"every release copies {total / 1e6:.0f} MB; the largest parts are {listed}",
            hint="name what services do not need in exclude under [node]",
        ),
    )


def _failed(error: OSError, root: Path, folder: Path) -> ReleaseFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        try:
            free = f"{shutil.disk_usage(folder).free / 1e6:.0f} MB free"
        except OSError:
            free = "disk full"
        return ReleaseFailed(
            f"no room in {folder} for a copy of the application ({free}); free some, "
            f"choose another folder with --data, or exclude what services do not need under [node]"
        )
    name = error.filename or root
    return ReleaseFailed(
        f"cannot copy {name} into a release: {error.strerror or error}; make it readable, or exclude it under [node]"
    )
