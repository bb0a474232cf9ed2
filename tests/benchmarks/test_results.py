"""What a benchmark found, and how it is kept."""

from __future__ import annotations

import datetime

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.harness.figures import percentile, ratio, spread
from benchmarks.harness.results import RESULTS, Report, Table, at_least, at_most, render, replaced
from benchmarks.rpc import Sample, bars, chosen, table

DAY = datetime.date(2030, 1, 2)


def sample(variant: str, rate: float, *, in_flight: int = 64, cores: float = 1.0, p50: float = 100.0) -> Sample:
    return Sample(
        variant=variant,
        in_flight=in_flight,
        calls_per_second=rate,
        p50=p50,
        p99=2 * p50,
        server_cpu=cores,
        client_cpu=1.0,
    )


def test_a_report_names_its_command_its_machine_and_its_day() -> None:
    report = Report(name="rpc", title="Calls", tables=[Table(("what", "ns"), [("bare", "200")])])
    text = render(report, "python -m benchmarks.rpc --rounds 2", "a machine", DAY)
    assert text.startswith("## Calls\n\n`python -m benchmarks.rpc --rounds 2`  \n2030-01-02 · a machine\n")
    assert "| what | ns |\n| --- | ---: |\n| bare | 200 |" in text


def test_a_bar_is_met_missed_or_not_measured() -> None:
    assert at_most("time", 3.0, 3.0).met is True
    assert at_most("time", 3.0, 3.1).met is False
    assert at_least("speed", 15, 14.9).met is False
    assert at_least("speed", 15, None).met is None
    missed = Report(name="rpc", title="Calls", tables=[], bars=[at_least("speed", 15, 14.9, unit="×")])
    assert "| speed | ≥ 15× | 14.90× | **no** |" in render(missed, "", "", DAY)


def test_a_section_replaces_only_what_is_between_its_markers() -> None:
    document = "# R\n<!-- a:begin -->\nold\n<!-- a:end -->\n<!-- b:begin -->\nkept\n<!-- b:end -->\n"
    fresh = replaced(document, "a", "new\n")
    assert fresh == document.replace("old", "new")
    with pytest.raises(ValueError, match="no section"):
        replaced(document, "c", "new\n")


@pytest.mark.parametrize("name", NAMES)
def test_results_have_a_place_for_each_benchmark(name: str) -> None:
    assert replaced(RESULTS.read_text(), name, "here\n")


def test_figures_are_medians_and_nearest_ranks() -> None:
    assert spread([3.0, 1.0, 2000.0]) == "3 (1–2,000)"
    assert spread([]) == "–"
    assert ratio([4.0, 6.0], [2.5]) == 2.0
    assert ratio([], [2.5]) is None
    assert [percentile([1.0, 2.0, 3.0, 4.0], rank) for rank in (1, 50, 99, 100)] == [1.0, 2.0, 4.0, 4.0]


def test_rounds_on_a_disturbed_machine_do_not_count() -> None:
    samples = [sample("grpc.aio", 8000), sample("grpc.aio", 100, cores=0.3)]
    assert chosen(samples, "grpc.aio", 64) == samples[:1]
    assert table(samples, ["grpc.aio"], 64).rows[0][-1] == "1/2"


def test_one_call_in_flight_counts_however_idle_both_sides_are() -> None:
    alone = sample("homeport", 10_000, in_flight=1, cores=0.4)
    assert chosen([alone], "homeport", 1) == [alone]


def test_the_bars_are_ratios_to_the_peers_and_the_faster_moleculer_is_the_one_that_counts() -> None:
    rates = {"homeport": 300_000, "grpc.aio": 10_000, "moleculer 0.15 TCP": 100_000, "moleculer 0.14 TCP": 150_000}
    samples = [sample(name, rate) for name, rate in rates.items()]
    samples += [sample("homeport", 1, in_flight=1, p50=60), sample("grpc.aio", 1, in_flight=1, p50=200)]
    assert [bar.measured for bar in bars(samples)] == ["30.00×", "2.00×", "0.30×"]


def test_a_peer_that_is_missing_leaves_its_bars_unmeasured() -> None:
    assert [bar.met for bar in bars([sample("homeport", 300_000)])] == [None, None, None]
