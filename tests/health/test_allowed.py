"""Where checks may connect to: never where clouds keep credentials, and with a list only where it says."""

from __future__ import annotations

import pytest

from homeport.errors import ConfigError
from homeport.health.allowed import Allowed


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "93.184.216.34", "::1", "fd00::1", "2606:2800:220:1::1"])
def test_without_a_list_hosts_may_be_connected_to(address: str) -> None:
    assert Allowed().refusal("host.example", address) == ""


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "fd00:ec2::254",
        "100.100.100.200",
    ],
)
@pytest.mark.parametrize("entries", [(), ("*.example",), ("10.0.0.0/8",)])
def test_no_name_leads_to_an_address_that_is_no_host_of_its_own(address: str, entries: tuple[str, ...]) -> None:
    refusal = Allowed(entries).refusal("metadata.example", address)
    assert "no check may connect to it" in refusal


def test_with_a_list_only_what_it_names_is_allowed() -> None:
    allowed = Allowed(["10.0.0.0/8", "legacy.example", "*.internal", "::1", "[fd00::1]"])
    assert allowed.refusal("anything", "10.200.0.1") == ""
    assert allowed.refusal("anything", "::ffff:10.200.0.1") == ""
    assert allowed.refusal("legacy.example", "93.184.216.34") == ""
    assert allowed.refusal("LEGACY.example.", "93.184.216.34") == ""
    assert allowed.refusal("db.eu.internal", "192.168.1.1") == ""
    assert allowed.refusal("::1", "::1") == ""
    assert "127.0.0.1 is not on the list of health.allow" in allowed.refusal("127.0.0.1", "127.0.0.1")
    assert "evil.example (192.168.1.1) is not on the list" in allowed.refusal("evil.example", "192.168.1.1")
    assert allowed.refusal("internal", "192.168.1.1")
    assert allowed.refusal("xlegacy.example", "192.168.1.1")


def test_an_address_may_be_listed_that_is_refused_otherwise() -> None:
    assert Allowed(["169.254.169.254"]).refusal("169.254.169.254", "169.254.169.254") == ""


@pytest.mark.parametrize("entry", ["", "10.0.0.0/99", "http://x", "a b", "*.", "a..b"])
def test_an_entry_that_is_neither_host_nor_network_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match=r"health\.allow"):
        Allowed([entry])
