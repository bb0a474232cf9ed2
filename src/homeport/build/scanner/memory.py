"""Remembers the plan that came of a set of files, so that an application that is as it was is not analysed again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

import msgspec

from homeport.build.plan import Plan
from homeport.build.scanner.cache import ScanCache
from homeport.build.scanner.cachefile import KeptPlan, Part, encode
from homeport.build.scanner.store import FactsStore, FreshPlan, Trust, is_text
from homeport.build.scanner.tree import FileTree, Identity, identity_at

_PLANS = 4  # of one root: several targets or settings in turn
_NOT_YET = Part(0, 0, b"")
_decoder = msgspec.msgpack.Decoder(Plan)
_digests = msgspec.msgpack.Decoder(list[bytes])


class Earlier:
    """What came of a question earlier."""

    def __init__(self, analysis: bytes, store: FactsStore, digests: bytes) -> None:
        self.analysis, self._store, self._encoded = analysis, store, digests

    def changed(self, files: Sequence[str]) -> frozenset[str]:
        """Those of the files it hangs on, in the order in which it has them, that have other content now."""
        try:
            digests = _digests.decode(self._encoded)
        except msgspec.DecodeError:
            return frozenset(files)
        entries = [self._store.kept(path) for path in files]
        same = [entry is not None and entry.digest == was for entry, was in zip(entries, digests, strict=False)]
        return frozenset(files[len(same) :]) | {path for path, equal in zip(files, same, strict=False) if not equal}


class PlanMemory:
    """Says whether all that a plan was made of is as it was: names and files, within the scope and beyond."""

    def __init__(self, tree: FileTree, store: FactsStore, cache: ScanCache | None, trust: Trust) -> None:
        self._tree, self._store, self._cache, self._trust = tree, store, cache, trust
        self._scope: Mapping[str, Identity] = {}
        self._folders: Collection[str] = ()
        self._plans = cache.plans() if cache is not None else ()
        self._earlier: KeptPlan | None = None  # of which something goes into what is kept next

    def looked_through(self, scope: Mapping[str, Identity]) -> None:
        """Take note of the files in the scope, in order; all folders listed so far are of the scope too."""
        self._scope, self._folders = scope, set(self._tree.listings)

    def recall(self, asked: bytes) -> Plan | None:
        if self._cache is None or not any(kept.asked == asked for kept in self._plans):
            return None
        names = self._names()
        for kept in self._plans:
            if kept.asked == asked and kept.names == names and self._same_beyond(kept):
                plan = self._plan_if_same(kept)
                if plan is not None:
                    return plan
        return None

    def earlier(self, asked: bytes) -> Earlier | None:
        """What came of the same question when the same files were there, with contents of then."""
        for kept in self._plans:
            if kept.asked != asked or kept.names != self._names() or not self._same_lookups(kept):
                continue
            analysis, digests = self._part(kept.analysis), self._part(kept.digests)
            if analysis is not None and digests is not None:
                self._earlier = kept
                return Earlier(analysis, self._store, digests)
        return None

    def keep(self, asked: bytes, plan: Plan, analysis: object = None, files: Sequence[str] = ()) -> None:
        """Write facts and plan to the cache; the plan only if every file stood still.

        ``analysis`` is what the plan came of, a plain value, and ``files`` are those whose contents it hangs on.
        """
        if self._cache is None:
            return
        others = [kept for kept in self._plans if kept.asked != asked]
        kept = None if self._store.moving else self._kept(asked)
        fresh = None
        if kept is not None:
            try:
                digests = encode([self._store.entry(path).digest for path in files])
                analysed = (encode(analysis), digests) if analysis is not None else (None, None)
                fresh = FreshPlan(encode(plan), *analysed)
            except UnicodeEncodeError:  # a path that is no text
                kept = None
        self._store.save([kept, *others][:_PLANS] if kept is not None else others, fresh)

    def _plan_if_same(self, kept: KeptPlan) -> Plan | None:
        if self._trust == "times" and kept.times and kept.times == self._times():
            return self._plan(kept)
        contents = self._contents(self._scope, only_kept=True)
        if contents is None or contents != kept.contents:
            return None
        plan, self._earlier = self._plan(kept), kept
        fresh = self._kept(kept.asked)
        if plan is not None and fresh is not None:
            fresh = msgspec.structs.replace(fresh, plan=kept.plan, analysis=kept.analysis, digests=kept.digests)
            self._store.save([fresh, *(other for other in self._plans if other is not kept)], None)
        return plan

    def _plan(self, kept: KeptPlan) -> Plan | None:
        encoded = self._part(kept.plan)
        try:
            return _decoder.decode(encoded) if encoded is not None else None
        except msgspec.DecodeError:
            return None

    def _part(self, part: Part | None) -> bytes | None:
        return self._cache.part(part) if self._cache is not None and part is not None else None

    def _kept(self, asked: bytes) -> KeptPlan | None:
        """All that the files are now; None when it cannot be written down."""
        entries = [self._store.entry(path, found) for path, found in self._scope.items()]
        # What came of earlier work hangs on what that looked at.
        looked_at = (*self._store.paths, *(self._earlier.files if self._earlier is not None else ()))
        beyond = {path: self._store.entry(path) for path in looked_at if path not in self._scope}
        lookups = self._lookups()
        contents = self._contents(self._scope, only_kept=False)
        if contents is None or not all(map(is_text, (*beyond, *lookups))):
            return None
        settled = all(entry.settled for entry in chain(entries, beyond.values()))
        return KeptPlan(
            asked=asked,
            names=self._names(),
            times=_times(self._scope, (entry.identity for entry in entries)) if settled else b"",
            contents=contents,
            lookups=lookups,
            files={path: (entry.identity, entry.digest) for path, entry in beyond.items()},
            plan=_NOT_YET,
            analysis=None,
            digests=None,
        )

    def _lookups(self) -> dict[str, dict[str, bool]]:
        asked = {folder: set(names) for folder, names in self._tree.asked.items() if folder not in self._folders}
        for folder, names in (self._earlier.lookups if self._earlier is not None else {}).items():
            asked.setdefault(folder, set()).update(names)
        return {folder: {name: self._tree.has(folder, name) for name in names} for folder, names in asked.items()}

    def _same_lookups(self, kept: KeptPlan) -> bool:
        return all(
            self._tree.has(folder, name) == was for folder, names in kept.lookups.items() for name, was in names.items()
        )

    def _same_beyond(self, kept: KeptPlan) -> bool:
        if not self._same_lookups(kept):
            return False
        for path, (found, digest) in kept.files.items():
            if self._trust == "times" and kept.times and identity_at(self._tree.at(path)) == found:
                continue
            entry = self._store.kept(path)
            if entry is None or entry.digest != digest:
                return False
        return True

    def _names(self) -> bytes:
        return _digest(_joined(chain.from_iterable(map(self._tree.names, sorted(self._folders)))))

    def _times(self) -> bytes:
        return _times(self._scope, self._scope.values())

    def _contents(self, scope: Mapping[str, Identity], *, only_kept: bool) -> bytes | None:
        """Digest of the content of all files; None when some of it is new, or cannot be read."""
        digests: list[bytes] = []
        for path, found in scope.items():
            entry = self._store.kept(path, found) if only_kept else self._store.entry(path, found)
            if entry is None or not entry.digest:
                return None
            digests.append(entry.digest)
        return _digest(_joined(scope), b"".join(digests))


def asked_digest(scope: Path, *asked: object) -> bytes:
    """What stands for a question: the same for the same scope and the same settings, which must be plain values."""
    return _digest(os.fsencode(scope), b"\0", msgspec.msgpack.encode(asked))


def _times(paths: Iterable[str], identities: Iterable[Identity]) -> bytes:
    return _digest(_joined(paths), encode([*identities]))


def _joined(names: Iterable[str]) -> bytes:
    return "\0".join(names).encode(errors="surrogateescape")


def _digest(*pieces: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
