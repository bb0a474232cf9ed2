"""Every error Homeport raises, grouped by whose move it is.

- ``UsageError``: fix your code or your configuration.
- ``Unavailable``: nothing (or not certainly anything) was done; retry if the method is idempotent.
- ``ServiceError``: the service's own, declared answer; handle it.
- ``RemoteError``: the handler failed with an exception it did not declare.
- ``ProtocolError``: the peer broke the contract of the wire.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, dataclass_transform

_MISSING = object()


def said(error: BaseException) -> str:
    """What an exception says, whatever its ``__str__`` does; ``sendable``."""
    try:
        return sendable(str(error))
    except Exception as fault:  # a user's __str__ must not leave those who wait without an answer
        return f"<its __str__ raised {type(fault).__name__}>"


def sendable(text: str) -> str:
    """A text in characters that can be encoded: names of files may hold halves of some."""
    return text.encode(errors="backslashreplace").decode()


class HomeportError(Exception):
    """The root of all errors that Homeport raises."""


# -- your move ---------------------------------------------------------------------------------------------------------


class UsageError(HomeportError):
    """The program or its configuration is wrong; trying again will not help."""


class ConfigError(UsageError):
    """A setting is unknown, malformed or out of range."""


class DefinitionError(UsageError):
    """A service class cannot be served as it is written."""


class BadArguments(UsageError):
    """The arguments of a call do not fit the method; it was not run."""


class BadResult(UsageError):
    """The method returned what its contract does not allow."""


class ContractChanged(UsageError):
    """A service no longer keeps the contract that a generated client was made of."""

    def __init__(self, service: str, changes: Iterable[str]) -> None:
        changes = tuple(changes)
        super().__init__(service, changes)
        self.service, self.changes = service, changes

    def __str__(self) -> str:
        return (
            f"{self.service!r} has changed so that this client no longer fits: {'; '.join(self.changes)}; "
            f"make the client anew with `homeport generate client`, or connect with check=False"
        )


class UnknownMethod(UsageError):
    """The service has no such method."""

    def __init__(self, service: str, method: str, known: Iterable[str] = ()) -> None:
        known = tuple(known)
        super().__init__(service, method, known)
        self.service, self.method, self.known = service, method, known

    def __str__(self) -> str:
        known = f"it has {', '.join(self.known)}" if self.known else "it has no methods"
        return f"{self.service!r} has no method {self.method!r}; {known}{_did_you_mean(self.method, self.known)}"


class UnknownService(UsageError):
    """No service of this name has ever been registered or declared here."""

    def __init__(self, service: str, known: Iterable[str] = ()) -> None:
        known = tuple(known)
        super().__init__(service, known)
        self.service, self.known = service, known

    def __str__(self) -> str:
        hint = _did_you_mean(self.service, self.known)
        return f"no service {self.service!r} is known here{hint}; run `homeport services` to list them"


class NotAllowed(UsageError):
    """The caller may not do this: a token is missing or wrong, or the name belongs to somebody else."""


class NoNode(UsageError):
    """No running node was found, or more than one."""


class NodeDied(NoNode):
    """The node process ended without a stop; its services may go on without it for a while."""


# -- try again ---------------------------------------------------------------------------------------------------------


class Unavailable(HomeportError):
    """The call got no answer. ``never_started`` says whether it is certain that the method did not run."""

    never_started: ClassVar[bool] = False


class NoEndpoint(Unavailable):
    """No ready instance serves the service right now."""

    never_started: ClassVar[bool] = True

    def __init__(self, service: str, registered: int = 0) -> None:
        super().__init__(service, registered)
        self.service, self.registered = service, registered

    def __str__(self) -> str:
        return (
            f"no endpoint for {self.service!r} ({self.registered} registered, none ready); "
            f"run `homeport why {self.service}`"
        )


class Overloaded(Unavailable):
    """The instance has as many calls as it admits; this one was not started."""

    never_started: ClassVar[bool] = True


class Draining(Unavailable):
    """The instance is leaving; this call was not started."""

    never_started: ClassVar[bool] = True


class StreamDraining(Unavailable):
    """The instance is leaving and ended a stream that was running; what it had sent has arrived."""


class NotSent(Unavailable):
    """No connection could be made; the call was not sent."""

    never_started: ClassVar[bool] = True


class ConnectionLost(Unavailable):
    """The connection broke while the call was running; it may or may not have been carried out."""


class DeadlineExceeded(Unavailable, TimeoutError):
    """The call's deadline passed before its answer came."""


# -- the service's own answer ------------------------------------------------------------------------------------------


@dataclass_transform(kw_only_default=True)
class ServiceError(HomeportError):
    """Base of the errors that a service declares as part of its contract.

    Subclasses name their fields with annotations, which become keyword-only constructor arguments::

        class CardDeclined(ServiceError, status=402):
            reason: str

    ``status`` is the HTTP status the gateway answers with (400 to 599, default 400); ``code`` the stable name on the
    wire, by default the class name in snake_case. Callers that do not have the class receive a plain ``ServiceError``
    with the same ``code`` and ``fields``. ``key`` is for the callers' own class of a service's error: the
    ``module:qualname`` of the class that it stands for.
    """

    status: ClassVar[int] = 400
    code: str = "service_error"  # a plain ServiceError carries the code of the class the caller lacks
    _field_names: ClassVar[tuple[str, ...]] = ()
    _defaults: ClassVar[Mapping[str, Any]] = {}
    _by_key: ClassVar[dict[str, type[ServiceError]]] = {}

    def __init_subclass__(
        cls, *, status: int | None = None, code: str | None = None, key: str = "", **kwargs: Any
    ) -> None:
        super().__init_subclass__(**kwargs)
        if status is not None:
            if not 400 <= status <= 599:
                raise DefinitionError(f"{cls.__qualname__}: status must be 400 to 599, got {status}")
            cls.status = status
        cls.code = code or snake_case(cls.__name__)
        names, defaults = list(cls._field_names), dict(cls._defaults)
        for name in _annotated_names(cls):
            if name.startswith("_") or name in ("status", "code"):
                continue
            if name not in names:
                names.append(name)
            value = cls.__dict__.get(name, _MISSING)
            if value is not _MISSING:
                defaults[name] = value
        cls._field_names, cls._defaults = tuple(names), defaults
        ServiceError._by_key[error_key(cls)] = cls
        if key:
            ServiceError._by_key.setdefault(key, cls)  # where the class itself is at hand, it comes first

    def __init__(self, **fields: Any) -> None:
        values = {**self._defaults, **fields}
        missing = [name for name in self._field_names if name not in values]
        unknown = [name for name in fields if name not in self._field_names]
        if missing or unknown:
            what = [f"missing {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
            raise TypeError(f"{type(self).__qualname__}(): {'; '.join(what)}")
        super().__init__(values)
        for name, value in values.items():
            setattr(self, name, value)

    @property
    def fields(self) -> dict[str, Any]:
        """The declared fields and their values."""
        return dict(self.args[0]) if self.args else {}

    @classmethod
    def unknown(cls, code: str, status: int, fields: Mapping[str, Any]) -> ServiceError:
        """An error whose class this process does not have."""
        error = ServiceError()
        error.args = (dict(fields),)
        error.code = code
        error.status = status  # type: ignore[misc]
        return error

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        return f"{self.code}: {shown}" if shown else self.code

    def __reduce__(self) -> tuple[Any, ...]:
        if type(self) is ServiceError:
            return ServiceError.unknown, (self.code, self.status, self.fields)
        return _rebuild, (type(self), self.fields)


def _annotated_names(cls: type) -> Iterable[str]:
    """What the class itself annotates; from Python 3.14 on a class has no dictionary of it until asked."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.STRING)
    return inspect.get_annotations(cls)


def _rebuild(cls: type[ServiceError], fields: dict[str, Any]) -> ServiceError:
    return cls(**fields)


def error_key(cls: type[ServiceError]) -> str:
    """The name under which an error class is found again in another process."""
    return f"{cls.__module__}:{cls.__qualname__}"


def find_error(key: str) -> type[ServiceError] | None:
    """The error class of this ``module:qualname``, if this process has imported it."""
    return ServiceError._by_key.get(key)


# -- the handler failed ------------------------------------------------------------------------------------------------


class RemoteError(HomeportError):
    """A service method raised an exception that its contract does not declare.

    ``traceback`` is the far side's, for logs and terminals; it never travels over HTTP.
    """

    def __init__(self, service: str, method: str, kind: str, message: str, traceback: str = "") -> None:
        super().__init__(service, method, kind, message, traceback)
        self.service, self.method, self.kind, self.message, self.traceback = service, method, kind, message, traceback

    def __str__(self) -> str:
        text = f"{self.service}.{self.method} raised {self.kind}: {self.message}"
        return f"{text}\n\n{self.traceback.rstrip()}" if self.traceback else text


# -- the peer broke the wire -------------------------------------------------------------------------------------------


class ProtocolError(HomeportError):
    """The peer sent what the protocol does not allow; the connection is closed."""


# -- shared wording ----------------------------------------------------------------------------------------------------


def snake_case(name: str) -> str:
    """``HTTPProxyService`` → ``http_proxy_service``."""
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def near_names(name: str, known: Iterable[str]) -> list[str]:
    """Up to three of ``known`` that ``name`` may have meant, nearest first."""
    import difflib

    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = near_names(name, known)
    return f" (did you mean {' or '.join(repr(n) for n in near)}?)" if near else ""
