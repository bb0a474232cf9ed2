"""Where checks may connect to, so that nobody can have the registry knock on doors for them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from homeport.errors import ConfigError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Addresses of IPv6 that a translator turns into the IPv4 address in their last 32 bits (RFC 6052, RFC 8215).
_TRANSLATED = tuple(ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48"))
# Where clouds serve credentials outside of the link-local range.
_CREDENTIALS = tuple(ipaddress.ip_address(one) for one in ("fd00:ec2::254", "100.100.100.200"))


class Allowed:
    """A list of hosts (``legacy.example``, ``*.internal``), addresses and networks (``10.0.0.0/8``).

    With an empty list every address may be connected to but those that are no host of their own: multicast, broadcast
    and *unspecified*, and those where clouds serve credentials, link-local ones foremost. With a list, only what it
    names. A name on the list allows what the name resolves to, again without those addresses, since it is not the
    list's author who answers for the name.

    Raises:
        ConfigError: an entry is no host, address or network.
    """

    def __init__(self, entries: Sequence[str] = ()) -> None:
        self._networks: list[Network] = []
        self._names: set[str] = set()
        self._suffixes: list[str] = []
        for entry in entries:
            self._add(entry.strip().lower())
        self._open = not entries

    def _add(self, entry: str) -> None:
        try:
            self._networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
            return
        except ValueError:
            pass
        name = entry.removeprefix("*.").rstrip(".")
        if not name or not all(part and part.replace("-", "").replace("_", "").isalnum() for part in name.split(".")):
            raise ConfigError(
                f"health.allow: {entry!r} is no host (legacy.example, *.internal), address (10.1.2.3) "
                f"or network (10.0.0.0/8)"
            )
        if entry.startswith("*."):
            self._suffixes.append(f".{name}")
        else:
            self._names.add(name)

    def refusal(self, host: str, address: str) -> str:
        """Why a check of ``host`` may not connect to the address it resolved to; "" when it may."""
        reached = _reached(address)
        if all(self._listed(one) for one in reached):
            return ""
        special = next((one for one in reached if _nobodys(one)), None)
        if special is not None:
            return f"{special} is no host of its own ({_nobodys(special)}), and no check may connect to it"
        if self._open or self._named(host.lower().rstrip(".")):
            return ""
        return f"{host if host == address else f'{host} ({address})'} is not on the list of health.allow"

    def _listed(self, address: Address) -> bool:
        return any(address in network for network in self._networks)

    def _named(self, host: str) -> bool:
        return host in self._names or any(host.endswith(suffix) for suffix in self._suffixes)


def _reached(address: str) -> list[Address]:
    """What a packet to the address may end at."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return [parsed]
    if parsed.ipv4_mapped is not None:
        return [parsed.ipv4_mapped]
    found: list[Address] = [parsed]
    if parsed.sixtofour is not None:
        found.append(parsed.sixtofour)
    if any(parsed in network for network in _TRANSLATED):
        found.append(ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF))
    return found


def _nobodys(address: Address) -> str:
    if address.is_unspecified:
        return "unspecified"
    if address.is_link_local:
        return "link-local"
    if address.is_multicast:
        return "multicast"
    if address == ipaddress.IPv4Address("255.255.255.255"):
        return "broadcast"
    if address in _CREDENTIALS:
        return "a cloud's metadata service"
    return ""
