"""The facts of source files, each read at most once: from the cache when the file is as it was, else from its text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Literal, NamedTuple

import msgspec

from homeport.build.diagnostics.finding import Finding
from homeport.build.scanner.cache import ScanCache
from homeport.build.scanner.cachefile import KeptPlan, Layout, Part, Row, encode
from homeport.build.scanner.facts import ModuleFacts, read_module
from homeport.build.scanner.parsing import too_complex
from homeport.build.scanner.reading import SourceText, is_settled, read_source
from homeport.build.scanner.tree import NO_FILE, Identity, identity_at

Trust = Literal["times", "content"]
"""What tells that a file is as it was: its size and times, or nothing but its content."""

_COMMENT = re.compile(rb"homeport:\s*ignore")
_decoder = msgspec.msgpack.Decoder(ModuleFacts)


class FreshPlan(NamedTuple):
    """What came of a scan, encoded."""

    plan: bytes
    analysis: bytes | None
    digests: bytes | None


class Kept:
    """The facts of one file, wherever they are at the moment."""

    __slots__ = ("encoded", "facts", "part")

    def __init__(self) -> None:
        self.facts: ModuleFacts | None = None
        self.encoded: bytes | None = None
        self.part: Part | None = None  # of the cache


class FileReading(msgspec.Struct, frozen=True, array_like=True):
    """What was read of one file, as it travels between processes."""

    path: str
    identity: Identity
    digest: bytes
    matters: bool
    commented: bool
    facts: bytes = b""  # encoded


class SourceEntry:
    """One source file, as this scan sees it."""

    __slots__ = ("commented", "digest", "facts", "identity", "matters", "settled", "whole")

    def __init__(self, identity: Identity, digest: bytes, *, settled: bool, matters: bool, commented: bool) -> None:
        self.identity, self.digest, self.settled = identity, digest, settled
        self.matters, self.commented = matters, commented
        self.facts, self.whole = Kept(), Kept()


class FactsStore:
    """The facts of the files below ``root``; paths are relative to it. ``now`` is wall-clock nanoseconds."""

    def __init__(self, root: str, cache: ScanCache | None, trust: Trust, now: int) -> None:
        self._root, self._cache, self._trust, self._now = root, cache, trust, now
        self._entries: dict[str, SourceEntry] = {}
        self._changed = False  # there is something to write
        self.moving = False  # a file cannot be read, or was another when it was read again

    @cached_property
    def _rows(self) -> dict[str, Row]:
        return self._cache.rows() if self._cache is not None else {}

    @property
    def paths(self) -> Iterable[str]:
        """The files that were asked for."""
        return self._entries.keys()

    def entry(self, path: str, found: Identity | None = None) -> SourceEntry:
        """What is known of a file, read if need be; ``found`` is its identity, where somebody has just looked."""
        known = self._entries.get(path) or self.kept(path, found)
        if known is not None:
            return known
        try:
            text = read_source(self._at(path))
        except FileNotFoundError:
            return self._take_gone(path)
        except OSError as error:
            return self._refuse(path, error)
        facts = read_facts(text.content, path)
        return self.take(reading_of(path, text, facts), facts)

    def kept(self, path: str, found: Identity | None = None) -> SourceEntry | None:
        """What the cache knows of a file, if its content is the same."""
        known, row = self._entries.get(path), self._rows.get(path)
        if known is not None or row is None:
            return known
        if self._trust == "times" and row.settled:
            found = found or identity_at(self._at(path))
            if row.identity == found:
                return self._take_row(path, row, found)
        try:
            text = read_source(self._at(path))
        except OSError:
            return None
        if text.digest == row.digest:
            return self._take_row(path, row, text.identity)
        del self._rows[path]  # outdated
        return None

    def take(self, read: FileReading, facts: ModuleFacts | None = None) -> SourceEntry:
        """Enter a file that was just read, with its facts, encoded or not."""
        entry = self._entries[read.path] = SourceEntry(
            read.identity,
            read.digest,
            settled=is_settled(read.identity, self._now),
            matters=read.matters,
            commented=read.commented,
        )
        entry.facts.facts, entry.facts.encoded = facts, read.facts or None
        self._changed = True
        return entry

    def facts(self, path: str, *, whole: bool = False) -> ModuleFacts:
        """The facts of a file; with every class body read, if ``whole``."""
        entry = self.entry(path)
        kept = entry.whole if whole else entry.facts
        if kept.facts is None:
            kept.facts = self._decoded(kept)
        if kept.facts is None:
            kept.facts, kept.part = self._read_again(path, entry, whole), None
        return kept.facts

    def save(self, plans: Iterable[KeptPlan], fresh: FreshPlan | None) -> None:
        """Write what is new to the cache; ``fresh`` is what the first of ``plans`` stands for, if that is new."""
        if self._cache is None or not (self._changed or fresh is not None):
            return
        layout = Layout()
        rows = [self._row(layout, path, entry) for path, entry in self._entries.items() if _is_kept(path, entry)]
        for path, row in self._rows.items():
            # Another target of the same root may ask for it again, unless it is gone.
            if path not in self._entries and identity_at(self._at(path)) is not None:
                facts, whole = self._moved(layout, row.facts), self._moved(layout, row.whole)
                rows.append(msgspec.structs.replace(row, facts=facts, whole=whole))
        kept = [self._moved_plan(layout, one, fresh if number == 0 else None) for number, one in enumerate(plans)]
        self._cache.write(layout, kept, rows)

    # ------------------------------------------------------------------------------------------------------------------

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _take_row(self, path: str, row: Row, found: Identity) -> SourceEntry:
        settled = is_settled(found, self._now)
        entry = SourceEntry(found, row.digest, settled=settled, matters=row.matters, commented=row.commented)
        entry.facts.part, entry.whole.part = row.facts, row.whole
        self._changed = self._changed or (found, settled) != (row.identity, row.settled)
        self._entries[path] = entry
        return entry

    def _refuse(self, path: str, error: OSError) -> SourceEntry:
        """A file that cannot be read: never kept, as only trying says whether the next scan may read it."""
        entry = self._entries[path] = SourceEntry(NO_FILE, b"", settled=False, matters=True, commented=False)
        entry.facts.facts = entry.whole.facts = unreadable(path, error.strerror or str(error))
        self.moving = True
        return entry

    def _take_gone(self, path: str) -> SourceEntry:
        """Editors and tools replace files at any time; one that is gone again is no part of the application."""
        entry = self._entries[path] = SourceEntry(NO_FILE, b"", settled=False, matters=False, commented=False)
        entry.facts.facts = entry.whole.facts = ModuleFacts(module=module_of(path), path=path)
        self.moving = True
        return entry

    def _decoded(self, kept: Kept) -> ModuleFacts | None:
        encoded = kept.encoded
        if encoded is None and kept.part is not None and self._cache is not None:
            encoded = self._cache.part(kept.part)
        try:
            return _decoder.decode(encoded) if encoded is not None else None
        except msgspec.DecodeError:
            return None

    def _read_again(self, path: str, entry: SourceEntry, whole: bool) -> ModuleFacts:
        """The facts of a file that were not wanted at first, or that the cache lost."""
        try:
            text = read_source(self._at(path))
        except OSError as error:
            self.moving = True
            return unreadable(path, error.strerror or str(error))
        self._changed = True
        if text.digest != entry.digest:  # written meanwhile: of what was read, none may be kept as the other's
            self.moving, entry.digest = True, b""
        return read_facts(text.content, path, whole=whole)

    # -- writing -------------------------------------------------------------------------------------------------------

    def _row(self, layout: Layout, path: str, entry: SourceEntry) -> Row:
        return Row(
            path=path,
            digest=entry.digest,
            identity=entry.identity,
            settled=entry.settled,
            matters=entry.matters,
            commented=entry.commented,
            facts=self._placed(layout, entry.facts),
            whole=self._placed(layout, entry.whole),
        )

    def _placed(self, layout: Layout, kept: Kept) -> Part | None:
        if kept.part is not None:
            return self._moved(layout, kept.part)
        if kept.encoded is None and kept.facts is not None:
            kept.encoded = encode(kept.facts)
        return layout.add(kept.encoded) if kept.encoded is not None else None

    def _moved(self, layout: Layout, part: Part | None) -> Part | None:
        """The same piece in the new file; its check goes with it, so damage is not lost on the way."""
        if part is None or self._cache is None:
            return None
        return layout.add(self._cache.raw(part), part.check)

    def _moved_plan(self, layout: Layout, kept: KeptPlan, fresh: FreshPlan | None) -> KeptPlan:
        if fresh is None:
            plan, analysis, digests = (self._moved(layout, one) for one in (kept.plan, kept.analysis, kept.digests))
        else:
            plan, analysis, digests = (layout.add(one) if one is not None else None for one in fresh)
        return msgspec.structs.replace(kept, plan=plan or kept.plan, analysis=analysis, digests=digests)


def _is_kept(path: str, entry: SourceEntry) -> bool:
    return bool(entry.digest) and (path.isascii() or is_text(path))


def is_text(name: str) -> bool:
    """Whether a name is text, and not bytes that are none in the file system's encoding."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def reading_of(path: str, text: SourceText, facts: ModuleFacts) -> FileReading:
    commented = _COMMENT.search(text.content) is not None
    return FileReading(path, text.identity, text.digest, facts.matters, commented)


def read_facts(content: bytes, path: str, *, whole: bool = False) -> ModuleFacts:
    """The facts of a file's text; they depend on nothing but the text and the path."""
    module, is_package = module_of(path), path.rpartition("/")[2] == "__init__.py"
    try:
        return read_module(content, module=module, path=path, is_package=is_package, whole=whole)
    except RecursionError:  # the parser takes expressions that are too deep to be walked
        return ModuleFacts(module=module, path=path, is_package=is_package, error=too_complex(path))


def module_of(path: str) -> str:
    """``shop/cart.py`` → ``shop.cart``, ``shop/__init__.py`` → ``shop``."""
    parts = path.removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def unreadable(path: str, why: str, kind: str = "file") -> ModuleFacts:
    """What stands for a file, or a folder, that cannot be read."""
    message = f"the {kind} cannot be read: {why}"
    hint = "make it readable for the user that runs Homeport, or exclude it"
    found = Finding(severity="error", path=path or ".", line=1, column=1, code="HP004", message=message, hint=hint)
    return ModuleFacts(module=module_of(path), path=path, error=found)
