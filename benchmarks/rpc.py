"""Calls between two processes, beside grpc.aio and Moleculer: calls per second and latencies.

One interleaved run: every round measures every variant, at every number of calls in flight.
"""

from __future__ import annotations

import contextlib
import sys
from statistics import median
from time import perf_counter

import msgspec

from benchmarks.harness import machine
from benchmarks.harness.figures import ratio, spread
from benchmarks.harness.results import Bar, Report, Table, at_least, at_most, parser, publish
from benchmarks.peers.pairs import PAIRS, Missing, Pair

BUSY = 0.6  # of a core: below this, something else than the transport was the limit, and the run does not count
WARM_UP = 0.1  # of the measured time
CPU_COLUMNS = ("CPU µs per call, server / client", "cores, server / client")


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    variant: str
    in_flight: int
    calls_per_second: float
    p50: float  # microseconds
    p99: float
    server_cpu: float  # cores
    client_cpu: float

    @property
    def cpu_per_call(self) -> tuple[float, float]:
        """Microseconds of server and client."""
        return self.server_cpu / self.calls_per_second * 1e6, self.client_cpu / self.calls_per_second * 1e6

    @property
    def counts(self) -> bool:
        """With one call in flight client and server wait for each other, so neither can be busy."""
        return self.in_flight == 1 or min(self.server_cpu, self.client_cpu) >= BUSY


def measure(pair: Pair, in_flight: int, seconds: float) -> Sample:
    pair.drive(in_flight, seconds * WARM_UP)
    server, client, began = machine.cpu_seconds(pair.server), machine.cpu_seconds(pair.client), perf_counter()
    figures = pair.drive(in_flight, seconds)
    elapsed = perf_counter() - began
    return Sample(
        variant=pair.name,
        in_flight=in_flight,
        calls_per_second=figures["calls"] / figures["seconds"],
        p50=figures["p50"],
        p99=figures["p99"],
        server_cpu=(machine.cpu_seconds(pair.server) - server) / elapsed,
        client_cpu=(machine.cpu_seconds(pair.client) - client) / elapsed,
    )


def run(variants: list[str], in_flight: list[int], rounds: int, seconds: float) -> Report:
    samples: list[Sample] = []
    notes: list[str] = []
    with contextlib.ExitStack() as stack:
        pairs: list[Pair] = []
        for name in variants:
            try:
                pairs.append(stack.enter_context(PAIRS[name]()))
            except Missing as missing:
                notes.append(f"Not measured: {missing}.")
        for turn in range(rounds):
            for number in in_flight:
                for pair in pairs[turn % len(pairs) :] + pairs[: turn % len(pairs)]:
                    samples.append(measure(pair, number, seconds))
                    print(f"round {turn + 1}/{rounds}: {told(samples[-1])}", file=sys.stderr)
    return Report(
        name="rpc",
        title="Calls between processes",
        tables=[table(samples, [pair.name for pair in pairs], number) for number in in_flight],
        bars=bars(samples),
        notes=[*notes, *explained(samples)],
        raw=samples,
    )


def told(sample: Sample) -> str:
    counts = "" if sample.counts else "  (does not count)"
    return (
        f"{sample.variant}, {sample.in_flight} in flight: {sample.calls_per_second:,.0f} calls/s, "
        f"p50 {sample.p50:.0f} µs, p99 {sample.p99:.0f} µs, "
        f"server {sample.server_cpu:.2f}, client {sample.client_cpu:.2f} cores{counts}"
    )


def rates(samples: list[Sample], variant: str, in_flight: int) -> list[float]:
    return [one.calls_per_second for one in chosen(samples, variant, in_flight)]


def chosen(samples: list[Sample], variant: str, in_flight: int) -> list[Sample]:
    return [one for one in samples if one.counts and one.variant.startswith(variant) and one.in_flight == in_flight]


def table(samples: list[Sample], variants: list[str], in_flight: int) -> Table:
    ours = rates(samples, "homeport", in_flight)
    rows = []
    for variant in variants:
        all_of_it = [one for one in samples if one.variant == variant and one.in_flight == in_flight]
        mine = chosen(samples, variant, in_flight)
        times = ratio(ours, rates(samples, variant, in_flight))
        server, client = (median(costs) for costs in zip(*(one.cpu_per_call for one in all_of_it), strict=True))
        cores = [median(getattr(one, side) for one in all_of_it) for side in ("server_cpu", "client_cpu")]
        rows.append(
            (
                variant,
                spread([one.calls_per_second for one in mine]),
                f"{times:.2f}" if times is not None else "–",
                spread([one.p50 for one in mine]),
                spread([one.p99 for one in mine]),
                f"{server:.1f} / {client:.1f}",
                f"{cores[0]:.2f} / {cores[1]:.2f}",
                f"{len(mine)}/{len(all_of_it)}",
            )
        )
    columns = ("variant", "calls/s", "Homeport over it", "p50 µs", "p99 µs", *CPU_COLUMNS, "rounds counted")
    return Table(columns, rows, f"{in_flight} in flight")


def bars(samples: list[Sample]) -> list[Bar]:
    ours = rates(samples, "homeport", 64)
    faster = [ratio(ours, rates(samples, f"moleculer {version} TCP", 64)) for version in ("0.15", "0.14")]
    known = [times for times in faster if times is not None]
    p50 = {name: [one.p50 for one in chosen(samples, name, 1)] for name in ("homeport", "grpc.aio")}
    return [
        at_least("64 in flight, calls/s over grpc.aio", 15, ratio(ours, rates(samples, "grpc.aio", 64)), unit="×"),
        at_least("64 in flight, calls/s over the faster Moleculer", 1.5, min(known, default=None), unit="×"),
        at_most("1 in flight, p50 over grpc.aio", 0.4, ratio(p50["homeport"], p50["grpc.aio"]), unit="×"),
    ]


def explained(samples: list[Sample]) -> list[str]:
    where = "core 0 for servers, core 1 for clients" if machine.can_pin() else "not pinned: this system cannot"
    return [
        f"Median (lowest–highest) of the rounds that count, CPU of all rounds; {where}.",
        "A request takes 99 bytes of msgpack, a reply 95.",
        f"With more than one call in flight, rounds in which server or client used less than {BUSY:g} of a core "
        f"do not count ({sum(not one.counts for one in samples)} of {len(samples)} here).",
        "Homeport: two `@service` classes of one application as `homeport run` starts them, over a Unix socket, with "
        "balancing, deadlines, tracing, admission, validation and counters on. grpc.aio: a generic handler with the "
        "same msgpack codec, over a Unix socket. Moleculer: as it comes (JSON), TCP transporter, fixed addresses.",
    ]


def main() -> int:
    made = parser("rpc", __doc__)
    made.add_argument("--rounds", type=int, default=5)
    made.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    made.add_argument("--in-flight", type=int, nargs="+", default=[1, 64, 256])
    made.add_argument("--variants", nargs="+", choices=list(PAIRS), default=list(PAIRS))
    options = made.parse_args()
    return publish(run(options.variants, options.in_flight, options.rounds, options.seconds), options)


if __name__ == "__main__":
    sys.exit(main())
