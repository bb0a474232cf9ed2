"""Findings as a JUnit report, which most build servers show: a test case each, failed unless it is a note."""

from __future__ import annotations

import re
from xml.etree import ElementTree as xml

from homeport.build.diagnostics.formats.full import as_text, full
from homeport.build.diagnostics.report import Report, Told

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> str:
    """A report without findings holds one case that passed, as some servers take an empty one for a failure."""
    failures = sum(told.finding.severity != "note" for told in report.told)
    counts = {"tests": str(max(len(report.told), 1)), "failures": str(failures), "errors": "0"}
    suites = xml.Element("testsuites", {"name": "homeport check", **counts})
    suite = xml.SubElement(suites, "testsuite", {"name": "homeport check", **counts})
    for told in report.told:
        _case(suite, told)
    if not report.told:
        xml.SubElement(suite, "testcase", {"classname": "homeport", "name": "check"})
    xml.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + xml.tostring(suites, encoding="unicode") + "\n"


def _case(suite: xml.Element, told: Told) -> None:
    finding = told.finding
    attributes = {"classname": told.path or told.setting, "name": f"{finding.code} at {told.place}"}
    if told.path:
        attributes["file"] = told.path
    if told.span is not None:
        attributes["line"] = str(told.span.line)
    case = xml.SubElement(suite, "testcase", {key: _allowed(value) for key, value in attributes.items()})
    kind = "system-out" if finding.severity == "note" else "failure"
    inner = xml.SubElement(case, kind)
    if kind == "failure":
        inner.attrib.update({"type": finding.severity, "message": _allowed(finding.message)})
    inner.text = _allowed(as_text(full(told)))


def _allowed(text: str) -> str:
    """Without the characters that no XML document may hold, even escaped."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
