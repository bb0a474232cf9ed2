from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import pytest

from homeport.balancing.policy import (
    CallPolicy,
    Declared,
    Ejection,
    Hedge,
    Limit,
    MethodPolicy,
    Policy,
    Retries,
    in_force,
    policy_of,
)
from homeport.config import Duration

TOML = """
timeout = 2.0
hedge_after = "p95"

[ejection]
failures = 3

[methods.process]
timeout = 0.5
attempts = 1
hedge_after = "250ms"
priority = "critical"
"""


def read(text: str) -> Policy:
    return msgspec.convert(tomllib.loads(text), Policy)


def test_a_policy_is_read_as_it_is_written_in_homeport_toml() -> None:
    policy = read(TOML)
    assert policy.ejection == Ejection(failures=3)
    assert policy.methods["process"] == MethodPolicy(timeout=0.5, attempts=1, hedge_after="250ms", priority="critical")


def test_what_names_the_method_goes_before_the_service_and_settings_before_code() -> None:
    policy = read(TOML)
    assert policy_of(policy, "process", Declared(timeout=9.0, idempotent=True)) == CallPolicy(
        timeout=0.5, attempts=1, hedge=Hedge(seconds=0.25), priority=1
    )
    assert policy_of(policy, "refund", Declared(timeout=9.0, idempotent=True)) == CallPolicy(
        timeout=9.0, attempts=3, hedge=Hedge(quantile=0.95), priority=0
    )
    assert policy_of(policy, "refund", Declared()).timeout == 2.0
    assert policy_of(Policy(), "refund", Declared()).timeout == 30.0


def test_a_method_that_is_not_idempotent_is_never_hedged() -> None:
    assert policy_of(read(TOML), "process", Declared()).hedge is None


def test_hedging_can_be_turned_off_for_one_method() -> None:
    policy = Policy(hedge_after="p95", methods={"process": MethodPolicy(hedge_after="")})
    assert policy_of(policy, "process", Declared(idempotent=True)).hedge is None


@pytest.mark.parametrize(
    ("text", "hedge"),
    [("p95", Hedge(quantile=0.95)), ("p99.9", Hedge(quantile=0.999)), ("1s", Hedge(seconds=1.0)), ("", None)],
)
def test_a_hedge_is_a_percentile_or_a_duration(text: str, hedge: Hedge | None) -> None:
    assert Hedge.parse(text) == hedge
    assert Hedge.parse(0.2) == Hedge(seconds=0.2)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('hedge_after = "p100"', "'p100' is no percentile from p50 to p99.9; write p95, or 250ms"),
        ('hedge_after = "pfast"', "'pfast' is no percentile"),
        ('hedge_after = "soon"', "a percentile (p95) or a duration"),
        ("hedge_after = 0", "hedge_after must be above zero"),
        ("timeout = 0.0", "timeout must be above zero"),
        ("[methods.process]\ntimeout = 0.0", "timeout must be above zero"),
        ("[ejection]\nshortest = 9.0\nlongest = 5.0", "longest (5 s) is below shortest (9 s)"),
        ("[ejection]\nwindow = 0.0", "window must be above zero"),
        ("[ejection]\nsuccess = 80", "<= 1"),
        ("[retries]\nbackoff = 5.0", "longest_backoff (1 s) is below backoff (5 s)"),
        ("[limit]\nbackground = 0.95", "background <= default <= critical"),
        ("[ping]\npatience = 0.0", "patience must be above zero"),
        ('priority = "urgent"', "urgent"),
        ("[ejection]\nfailure = 3", "failure"),
    ],
)
def test_a_wrong_setting_is_refused_and_named(toml: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        read(toml)
    assert says in str(refused.value)


def test_seconds_are_durations_to_the_settings_reader() -> None:
    sections: list[type[msgspec.Struct]] = [Policy, MethodPolicy, Ejection, Retries, Limit]
    types: dict[str, Any] = {field.name: field.type for one in sections for field in msgspec.structs.fields(one)}
    assert types["shortest"] == Duration
    assert types["queueing"] == Duration
    assert types["timeout"] == Duration | None


def test_what_is_in_force_is_told_with_where_it_came_from() -> None:
    origins = {
        "services.payment.timeout": "homeport.toml",
        "services.payment.hedge_after": "homeport.toml",
        "services.payment.ejection.failures": "HOMEPORT_SERVICES__PAYMENT__EJECTION__FAILURES",
        "services.payment.methods.process.timeout": "homeport.toml",
        "services.payment.methods.process.attempts": "--set",
    }
    methods = {"process": Declared(idempotent=True), "refund": Declared(timeout=9.0)}
    policy = Policy(
        timeout=2.0,
        hedge_after="p95",
        ejection=Ejection(failures=3),
        methods={"process": MethodPolicy(timeout=0.5, attempts=1)},
    )
    told = {one.name: (one.value, one.origin) for one in in_force("payment", policy, methods, origins)}
    assert told["timeout"] == (2.0, "homeport.toml")
    assert told["ejection.failures"] == (3, "HOMEPORT_SERVICES__PAYMENT__EJECTION__FAILURES")
    assert told["ejection.panic"] == (0.5, "default")
    assert told["methods.process.timeout"] == (0.5, "homeport.toml")
    assert told["methods.process.attempts"] == (1, "--set")
    assert told["methods.process.hedge_after"] == ("p95", "homeport.toml")
    assert told["methods.refund.timeout"] == (9.0, "@method")
    assert told["methods.refund.attempts"] == (3, "default")
    assert "methods.refund.hedge_after" not in told


def test_a_hedge_that_is_not_in_force_says_why() -> None:
    policy = Policy(methods={"charge": MethodPolicy(hedge_after="p95")})
    told = {one.name: one.value for one in in_force("payment", policy, {"charge": Declared()}, {})}
    assert told["methods.charge.hedge_after"] == "p95 (not in force: the method is not idempotent)"
