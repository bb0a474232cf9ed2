"""What each service costs, from what importing it has shown."""

from __future__ import annotations

from collections.abc import Callable

from homeport.build.plan import Plan
from homeport.build.reflection import reflect
from homeport.build.report import report

Scan = Callable[..., Plan]


def service(name: str, imports: str) -> str:
    return f"import {imports}\nfrom homeport import service\n@service\nclass {name}:\n    async def run(self): ...\n"


def test_services_are_listed_by_what_they_cost_with_what_they_share(scan_app: Scan) -> None:
    plan = scan_app(
        {
            "cheap.py": service("Cheap", "shared"),
            "dear.py": service("Dear", "shared, slow"),
            "shared.py": "x = 1\n",
            "slow.py": "import time\nend = time.perf_counter() + 0.25\nwhile time.perf_counter() < end: pass\n",
            "alone.py": "y = 2\n",
        }
    )
    found = report(plan, reflect(plan))
    assert [cost.name for cost in found.services] == ["dear", "cheap"]
    dear, cheap = found.services
    assert (dear.slowest[0][0], dear.modules, cheap.modules) == ("slow", 3, 2)
    assert cheap.size_bytes == len(service("Cheap", "shared")) + len("x = 1\n")
    assert [(one.path, one.services) for one in found.shared] == [("shared.py", 2)]
    assert found.unreached == ("alone.py",)


def test_a_service_that_cannot_be_imported_says_why(scan_app: Scan) -> None:
    plan = scan_app({"broken.py": service("Broken", "nowhere_to_be_found")})
    (cost,) = report(plan, reflect(plan)).services
    assert "No module named 'nowhere_to_be_found'" in cost.fault
