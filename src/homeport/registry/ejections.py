"""Instances that somebody took out of use for a while: alive, but called by nobody until the time is over."""

from __future__ import annotations

import msgspec

from homeport.errors import BadArguments, UnknownService
from homeport.model import Cause, Instance, State
from homeport.registry import records
from homeport.registry.api import Done
from homeport.registry.ledger import Ledger
from homeport.registry.records import EJECTED, OutsideRecord
from homeport.registry.store.port import Conflict, Delete, Put

LONGEST = 86_400.0  # seconds; what must stay away longer is to be drained


class Ejection(msgspec.Struct, frozen=True, kw_only=True):
    """Kept in the store, so that it outlives the registry's process."""

    until: float  # wall-clock seconds
    seconds: float = LONGEST  # asked for; a clock that is set while the process is away adds nothing to them
    cause: Cause
    state: State  # what the instance would be in otherwise
    state_cause: Cause | None


_decode = msgspec.msgpack.Decoder(Ejection).decode
_encode = msgspec.msgpack.Encoder().encode


class Ejections:
    """Who is ejected, until when. What an ejected instance says of itself takes effect when it is let back in."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger, self._catalog, self._clock = ledger, ledger.catalog, ledger.clock
        self._held: dict[str, Ejection] = {
            entry.key.removeprefix(EJECTED): _decode(entry.value) for entry in ledger.store.range(EJECTED)
        }
        # Monotonic: a wall clock that is set neither lets anybody in early nor keeps them out for years.
        now, wall = self._clock.now(), self._clock.wall()
        self._ends = {name: now + min(held.until - wall, held.seconds) for name, held in self._held.items()}
        self._left: list[str] = []  # gone; their records can be removed
        ledger.on_gone.append(self._forget)

    async def eject(self, name: str, seconds: float, cause: Cause) -> Done:
        """Let nobody call the instance for some time; ejecting it again sets the time anew.

        Raises:
            UnknownService: there is no such instance.
            BadArguments: it is leaving, or the time is out of range.
        """
        instance = self._instance(name)
        if not 0 < seconds <= LONGEST:
            raise BadArguments(f"seconds: {seconds:g} is not between 0 and {LONGEST:g}; drain what is to stay away")
        if instance.state is State.DRAINING:
            raise BadArguments(f"{name} is draining: nobody calls it any more")
        cause = self._ledger.stamped(msgspec.structs.replace(cause, evidence=cause.evidence or f"for {seconds:g} s"))
        held = self._hold(instance, self._clock.wall() + seconds, seconds, cause)
        # Only the ejection is declared: the instance may die or move while that is on its way to the disk.
        done = await self._ledger.declare([Put(EJECTED + name, _encode(held))])
        found = self._catalog.instances.get(name)
        if found is None:
            self._left.append(name)
            return done
        self._held[name] = self._hold(found, held.until, seconds, cause)
        self._ends[name] = self._clock.now() + seconds
        return msgspec.structs.replace(done, revision=await self._keep_out(found) or done.revision)

    async def readmit(self, name: str, cause: Cause) -> Done:
        """Let the instance be called again, if it is well.

        Raises:
            UnknownService: there is no such instance.
            BadArguments: it is not ejected.
        """
        instance = self._instance(name)
        if name not in self._held:
            raise BadArguments(f"{name} is not ejected; it is {instance.state}")
        done = await self._ledger.declare(deletes=[Delete(EJECTED + name)])
        return msgspec.structs.replace(done, revision=await self._let_in(name, cause) or done.revision)

    async def tick(self) -> None:
        """Let in again whose time is over; that waits for no disk."""
        now = self._clock.now()
        for name, end in list(self._ends.items()):
            if end <= now:
                await self._let_in(name, self._ledger.cause("ejection over", "registry"), forget=True)
            elif name in self._catalog.instances:
                await self._keep_out(self._catalog.instances[name])
        if self._left:
            left, self._left = self._left, []
            try:
                await self._ledger.tell(deletes=[Delete(EJECTED + name) for name in left])
            except Conflict:
                self._left += left

    def held_back(self, instance: Instance) -> Instance:
        """The instance as it is to be written: an ejected one stays unhealthy whatever it says of itself."""
        held = self._held.get(instance.id)
        if held is None or instance.state is State.DRAINING:
            return instance
        self._held[instance.id] = msgspec.structs.replace(held, state=instance.state, state_cause=instance.cause)
        if instance.state not in (State.READY, State.UNHEALTHY):
            return instance
        return msgspec.structs.replace(instance, state=State.UNHEALTHY, cause=held.cause, waiting_for=())

    def ejected(self, name: str) -> bool:
        return name in self._held

    def unejected(self, instance: Instance) -> Instance:
        """The instance as it would be if it were not ejected."""
        held = self._held.get(instance.id)
        if held is None or instance.state is State.DRAINING:
            return instance
        return msgspec.structs.replace(instance, state=held.state, cause=held.state_cause)

    def _hold(self, instance: Instance, until: float, seconds: float, cause: Cause) -> Ejection:
        before = self._held.get(instance.id)
        return Ejection(
            until=until,
            seconds=seconds,
            cause=cause,
            state=before.state if before else instance.state,
            state_cause=before.state_cause if before else instance.cause,
        )

    async def _keep_out(self, instance: Instance) -> int | None:
        """Write that an ejected instance may not be called; the revision, if anything was to be written."""
        cause = self._held[instance.id].cause
        if instance.state is not State.READY and (instance.state is not State.UNHEALTHY or instance.cause == cause):
            return None
        try:
            return await self._ledger.tell([self._put(instance, State.UNHEALTHY, cause)])
        except Conflict:  # somebody declares it anew at this moment; the next tick writes it
            return None

    async def _let_in(self, name: str, cause: Cause, forget: bool = False) -> int | None:
        """Write what an instance is that is ejected no more; the revision, if it could be written at once."""
        instance, end, held = self._catalog.instances.get(name), self._ends.get(name), self._release(name)
        if instance is None or end is None or held is None:
            return None
        # One that would be unhealthy anyhow keeps its own reason.
        why = cause if held.state is State.READY else held.state_cause or cause
        puts = [self._put(instance, held.state, self._ledger.stamped(why))] if instance.state is State.UNHEALTHY else []
        try:
            return await self._ledger.tell(puts, [Delete(EJECTED + name)] if forget else [])
        except Conflict:  # somebody declares it anew at this moment; the next tick writes it
            self._held[name], self._ends[name] = held, min(end, self._clock.now())
            return None

    def _put(self, instance: Instance, state: State, cause: Cause) -> Put:
        since = instance.since if state is instance.state else self._clock.wall()
        moved = msgspec.structs.replace(instance, state=state, cause=cause, since=since)
        outside = self._catalog.outside(instance.id)
        if outside is not None:
            return records.put_outside(OutsideRecord(instance=moved, ttl=outside.ttl))
        return records.put_instance(moved)

    def _instance(self, name: str) -> Instance:
        found = self._catalog.instances.get(name)
        if found is None:
            raise UnknownService(name, sorted(self._catalog.instances))
        return found

    def _release(self, name: str) -> Ejection | None:
        self._ends.pop(name, None)
        return self._held.pop(name, None)

    def _forget(self, instance: Instance) -> None:
        if self._release(instance.id) is not None:
            self._left.append(instance.id)
