"""A query that could only give nothing, or nonsense, is told from its text."""

import pytest

from tests.ops.promql import Series, WrongQuery, exposed, labels_of

KNOWN = {
    "asked_total": Series(frozenset({"model", "kind"}), rises=True),
    "full_total": Series(frozenset({"model"}), rises=True),
    "taken": Series(frozenset({"model"}), rises=False),
    "slow_seconds_bucket": Series(frozenset({"model", "le"}), rises=True),
}


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        ("taken", {"model"}),
        ("sum(taken)", set()),
        ("time() - max(taken)", set()),
        ("rate(asked_total[5m] offset 7d)", {"model", "kind"}),
        ("sum by (kind) (rate(asked_total[5m]))", {"kind"}),
        ("sum without (kind) (rate(asked_total[5m]))", {"model"}),
        ("60 * sum(increase(asked_total[1h])) * days_in_month()", set()),
        ("histogram_quantile(0.9, sum by (le, model) (rate(slow_seconds_bucket[5m]))) >= 0", {"model"}),
        ("sum(taken) or vector(0)", set()),
        ('taken or on () label_replace(vector(0), "model", "none yet", "", "")', {"model"}),
        ("sum by (kind) (rate(asked_total[5m])) / on () group_left () (sum(taken) > 0)", {"kind"}),
        ("rate(asked_total[5m]) / on (model) group_left () taken", {"model", "kind"}),
        ("rate(full_total[5m]) / on (model) taken", {"model"}),
        ("max_over_time(sum(taken)[1h:5m])", set()),
    ],
)
def test_a_querys_labels_are_told(query: str, labels: set[str]) -> None:
    assert labels_of(query, KNOWN) == labels


@pytest.mark.parametrize(
    ("query", "what_is_wrong"),
    [
        ("sum(token)", "no metric 'token'"),
        ("rate(asked[5m])", "no metric 'asked'"),
        ('taken{kind="x"}', r"matchers of taken: no \['kind'\]"),
        ("sum by (modle) (taken)", r"no \['modle'\]"),
        ("sum by (kind) (sum by (model) (rate(asked_total[5m])))", r"no \['kind'\]"),
        ("sum(asked_total)", "ask how it grows"),
        ("rate(taken[5m])", "is a gauge: it has no rate"),
        ("histogram_quantile(0.9, sum by (model) (rate(slow_seconds_bucket[5m])))", r"no \['le'\]"),
        ("sum by (kind) (rate(asked_total[5m])) / sum(taken)", "never match"),
        ("sum by (kind) (rate(asked_total[5m])) or vector(0)", "never match"),
        ("taken / on (kind) rate(asked_total[5m])", "matched on"),
        ("rate(asked_total)", "expected type matrix"),
        ("sum(taken", "unclosed"),
    ],
)
def test_what_is_wrong_with_a_query_is_told(query: str, what_is_wrong: str) -> None:
    with pytest.raises(WrongQuery, match=what_is_wrong):
        labels_of(query, KNOWN)


def test_the_service_shows_counters_gauges_and_histograms_under_these_names() -> None:
    known = exposed()
    assert known["grader_tokens_total"] == Series(frozenset({"model", "kind"}), rises=True)
    assert known["grader_breaker_state"] == Series(frozenset({"model"}), rises=False)
    assert known["grader_judge_seconds_bucket"] == Series(frozenset({"model", "le"}), rises=True)
    assert known["grader_judge_seconds_count"] == Series(frozenset({"model"}), rises=True)
    assert "grader_judge_seconds" not in known
