"""Reports as JUnit XML, which CI systems show beside their tests."""

import re

from junitparser import Failure, JUnitXml, TestCase, TestSuite

from evals.gate import Gate
from evals.pairs import Reading
from evals.report import Report
from evals.report.cells import number
from evals.report.tables import name_of

FURTHEST = 25
"""Points of 100 by which the judge's score may be off the human's."""
# XML has no way to write these; a judge's error message may hold anything.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> bytes:
    """A test case a reading: failed where the judge failed or its score is too far off. Headline as properties."""
    settings = report.summary.settings
    suite = TestSuite(_text(f"{name_of(settings)}, {settings.judge}, {settings.model}"))
    for item in report.summary.headline:
        suite.add_property(item.name, number(item.figure.value, 4))
    suite.add_testcases([_case(reading, name_of(settings)) for reading in report.material.readings])
    return _xml(suite)


def gate_junit(gate: Gate) -> bytes:
    """A test case a ruling."""
    suite = TestSuite("gate")
    for ruling in gate.rulings:
        case = TestCase(ruling.title, classname="gate")
        if not ruling.passed:
            told = f"from {number(ruling.before, 3)} to {number(ruling.after, 3)}: {ruling.why}"
            case.result = [Failure(told, "fallen")]
        suite.add_testcase(case)
    return _xml(suite)


def _case(reading: Reading, golden: str) -> TestCase:
    name = reading.golden_id + (f" (reading {reading.reading})" if reading.reading else "")
    case = TestCase(_text(name), classname=_text(f"{golden}.{reading.question}"), time=reading.record.seconds)
    if reading.record.grade is None:
        case.result = [Failure(_text(reading.record.error or "no reason recorded"), "failed")]
    elif reading.human is not None and reading.judge is not None and abs(reading.judge - reading.human) > FURTHEST:
        told = f"score {reading.judge:g}, the human's {reading.human:g}: more than {FURTHEST} points off"
        case.result = [Failure(told, "score")]
    return case


def _xml(suite: TestSuite) -> bytes:
    whole = JUnitXml()
    whole.add_testsuite(suite)
    whole.update_statistics()
    return bytes(whole.tostring())


def _text(text: str) -> str:
    return _UNWRITABLE.sub("�", text)
