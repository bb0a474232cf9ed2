"""One line a finding: ``shop/cart.py:12:5: HP202 error: …``."""

from __future__ import annotations

from homeport.build.diagnostics.finding import labelled
from homeport.build.diagnostics.report import Report, Told


def concise(report: Report) -> str:
    return "".join(f"{one_line(told)}\n" for told in report.told)


def one_line(told: Told) -> str:
    return " ".join(f"{told.lead}{labelled(told.finding)}".split("\n"))
