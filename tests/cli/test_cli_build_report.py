"""How the costs of services are printed."""

from __future__ import annotations

import pytest

from homeport.build.report import BuildReport, ServiceCost, SharedModule
from homeport.cli.build_report import print_report
from homeport.cli.terminal import Terminal


def cost(name: str, seconds: float = 0.004, **fields: object) -> ServiceCost:
    base: dict[str, object] = {"import_kilobytes": 512, "modules": 2, "size_bytes": 900, "libraries": (), "slowest": ()}
    return ServiceCost(name=name, import_seconds=seconds, **(base | fields))  # type: ignore[arg-type]


def printed(capsys: pytest.CaptureFixture[str], *services: ServiceCost, **rest: object) -> list[str]:
    report = BuildReport(services=services, **({"shared": (), "unreached": ()} | rest))  # type: ignore[arg-type]
    print_report(Terminal(), report)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_each_service_has_a_line_with_what_made_it_slow(capsys: pytest.CaptureFixture[str]) -> None:
    slow = cost("cart", 1.25, libraries=("numpy", "pandas"), slowest=(("pandas", 0.9), ("numpy", 0.2), ("x", 0.1)))
    lines = printed(capsys, slow, cost("stock"))
    assert lines[0] == "SERVICE IMPORT MEMORY FILES SIZE LIBRARIES SLOWEST"
    assert lines[1] == "cart 1.2s 524 kB 2 1 kB numpy, pandas pandas 900ms, numpy 200ms"
    assert lines[2].startswith("stock 4ms 524 kB")


def test_a_service_that_cannot_be_imported_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert "cart failed No module named 'x'" in printed(capsys, cost("cart", fault="No module named 'x'"))


def test_files_that_all_or_none_import_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(
        capsys,
        cost("cart"),
        cost("stock"),
        shared=(SharedModule(path="money.py", services=2),),
        unreached=tuple(f"old{number}.py" for number in range(10)),
    )
    assert lines[-2] == "all services import money.py"
    assert lines[-1].startswith("no service imports old0.py, old1.py")
    assert lines[-1].endswith("and 2 more files")
