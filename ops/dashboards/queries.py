"""The few forms of PromQL that the panels are made of.

No form gives NaN where nothing happened. What is bad (a share of failures, a count) is 0 then. What says something
about the content (a met-rate, a quantile) gives no value: an unknown share is not a zero.
"""

RATE = "$__rate_interval"
RANGE = "$__range"

GIVEN = 'status!="failed"'
"""Of `grader_grades_total`: somebody was given a grade."""


def rate(metric: str, where: str = "", *, by: str = "", over: str = RATE) -> str:
    """What a counter grows by in a second."""
    return f"sum{_by(by)}(rate({metric}{_braced(where)}[{over}]))"


def grown(metric: str, where: str = "", *, by: str = "", over: str = RANGE, ago: str = "") -> str:
    """What a counter grew by; Prometheus extrapolates to the ends of the time, so counts are not whole."""
    offset = f" offset {ago}" if ago else ""
    return f"sum{_by(by)}(increase({metric}{_braced(where)}[{over}]{offset}))"


def gauge(metric: str, where: str = "", *, by: str = "", of: str = "sum") -> str:
    """A gauge over all processes and hosts."""
    return f"{of}{_by(by)}({metric}{_braced(where)})"


def quantile(share: float, metric: str, where: str = "", *, by: str = "", over: str = RATE) -> str:
    """Within which value that share of a histogram's observations lie; none where there were none."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', where, by=_joined('le', by), over=over)}) >= 0"


def mean(metric: str, where: str = "", *, by: str = "", over: str = RATE) -> str:
    """A histogram's mean; none where nothing was observed."""
    total, count = (rate(f"{metric}_{part}", where, by=by, over=over) for part in ("sum", "count"))
    return f"{total} / ({count} > 0)"


def share(part: str, whole: str) -> str:
    """A part of a whole, both with the same labels; 0 where the part never occurred, none where the whole is 0."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def share_or_zero(part: str, whole: str) -> str:
    """A part of a whole without labels, for what is bad: 0 where nothing happened."""
    return or_zero(f"{part} / ({whole} > 0)")


def per(amount: str, whole: str) -> str:
    """An amount for each one of another with the same labels; none where there is not one."""
    return f"{amount} / ({whole} > 0)"


def each_per(amounts: str, whole: str) -> str:
    """Amounts with labels for each one of another without; none where there is not one."""
    return f"{amounts} / on () group_left () ({whole} > 0)"


def or_zero(expression: str) -> str:
    """0 in place of no series; for expressions without labels, others would get a further series."""
    return f"{expression} or vector(0)"


def or_none_yet(expression: str, label: str) -> str:
    """One series of 0, called "none yet", while nothing of it ever happened."""
    return f'{expression} or on () label_replace(vector(0), "{label}", "none yet", "", "")'


def _by(labels: str) -> str:
    return f" by ({labels}) " if labels else ""


def _braced(where: str) -> str:
    return f"{{{where}}}" if where else ""


def _joined(*labels: str) -> str:
    return ", ".join(label for label in labels if label)
