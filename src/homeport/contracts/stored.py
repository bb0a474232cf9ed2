"""The signature of a class whose contract is known from before: codecs are made when a method is first needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homeport.contracts.api import Contract
from homeport.contracts.signature import MethodSignature, ServiceSignature, method_codecs
from homeport.errors import DefinitionError


def stored_signature(cls: type, contract: Contract) -> ServiceSignature:
    """What ``signature_of(cls)`` gave when its contract was stored, without looking at any annotation yet."""
    return ServiceSignature(contract.service, contract, _Methods(cls, contract))


class _Methods(Mapping[str, MethodSignature]):
    def __init__(self, cls: type, contract: Contract) -> None:
        self._cls, self._service = cls, contract.service
        self._contracts = {method.name: method for method in contract.methods}
        self._made: dict[str, MethodSignature] = {}

    def __getitem__(self, name: str) -> MethodSignature:
        """Raises ``KeyError`` for what is no method, and ``DefinitionError`` for one that the class has no longer."""
        made = self._made.get(name)
        if made is None:
            made = method_codecs(self._cls, self._service, name, self._contracts[name])
            if made is None:
                raise DefinitionError(
                    f"{self._cls.__qualname__} has no method {name!r}, which the contract of {self._service!r} lists; "
                    f"build the registry again"
                )
            self._made[name] = made
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self._contracts)

    def __len__(self) -> int:
        return len(self._contracts)

    def __contains__(self, name: object) -> bool:
        return name in self._contracts
