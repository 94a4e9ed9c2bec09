"""Variables stand for what Grafana would put there; one that there is none of is named."""

import pytest

from bench.panels import BadDashboard, Dashboard, Panel, Place, Variable
from bench.variables import Times, seconds_of, substituted, values_for

_TIMES = Times(start=1000, end=1090, step=2, rates=20)
_PLACE = Place(0, 0, 12, 8)


def _board(*variables: Variable) -> Dashboard:
    return Dashboard("board", "Board", (), variables)


def _label_values(selector: str, label: str) -> list[str]:
    return {("x", "model"): ["openai/gpt-5.1", "b+c"], ('x{model=~"a"}', "route"): ["/grade"]}.get(
        (selector, label), []
    )


@pytest.mark.parametrize("mention", ["$model", "${model}", "${model:regex}", "[[model]]"])
def test_each_way_to_mention_a_variable_is_understood(mention: str) -> None:
    assert substituted(f'x{{model=~"{mention}"}}', {"model": "a"}, "here") == 'x{model=~"a"}'


def test_a_dollar_that_ends_a_pattern_is_no_variable() -> None:
    assert substituted('x{status=~"5..$"}', {}, "here") == 'x{status=~"5..$"}'


def test_an_unknown_variable_is_an_error_that_names_it_and_its_place() -> None:
    with pytest.raises(
        BadDashboard, match=r"latency: panel 'P': unknown variable \$modle in 'x\{model=~\"\$modle\"\}'"
    ):
        substituted('x{model=~"$modle"}', {"model": "a"}, "latency: panel 'P'")


def test_a_form_that_is_not_understood_is_an_error() -> None:
    with pytest.raises(BadDashboard, match=r"\$model is wanted as 'csv'"):
        substituted("${model:csv}", {"model": "a"}, "here")


def test_grafanas_own_times_are_those_of_the_run() -> None:
    text = "[$__range] [$__rate_interval] [$__interval] $__range_s $__interval_ms"
    assert substituted(text, _TIMES.values, "here") == "[90s] [20s] [2s] 90 2000"


def test_a_panels_own_time_and_step_are_kept_and_lie_on_whole_steps() -> None:
    day = 86_400
    own = Times(1000, 30 * day + 1090, 2, 20).of(Panel("P", "timeseries", _PLACE, time_from="30d", interval="1d"))
    assert (own.start, own.end, own.step) == (0, 30 * day, day)
    assert own.values["__rate_interval"] == f"{day}s"
    assert _TIMES.of(Panel("P", "timeseries", _PLACE)) == _TIMES


@pytest.mark.parametrize(("text", "seconds"), [("30d", 30 * 86_400), ("15s", 15), (">1m", 60), ("2w", 14 * 86_400)])
def test_durations_are_read(text: str, seconds: float) -> None:
    assert seconds_of(text, "here") == seconds


@pytest.mark.parametrize("text", ["now/d", "1", "1y", ""])
def test_what_is_no_duration_is_an_error(text: str) -> None:
    with pytest.raises(BadDashboard, match="is no duration"):
        seconds_of(text, "here")


def test_all_is_what_the_variable_says_or_else_every_value_quoted_for_a_pattern_in_promql() -> None:
    query = "label_values(x, model)"
    every = Variable("model", "query", query, takes_all=True)
    own = Variable("model", "query", query, takes_all=True, all_value=".*")
    one = Variable("model", "query", query)
    assert values_for(_board(every), _label_values) == {"model": r"(openai/gpt-5\\.1|b\\+c)"}
    assert values_for(_board(own), _label_values) == {"model": ".*"}
    assert values_for(_board(one), _label_values) == {"model": r"openai/gpt-5\\.1"}


def test_a_variable_may_depend_on_one_before_it() -> None:
    first = Variable("model", "custom", given=("a",))
    second = Variable("route", "query", 'label_values(x{model=~"$model"}, route)')
    assert values_for(_board(first, second), _label_values) == {"model": "a", "route": "/grade"}
    with pytest.raises(BadDashboard, match=r"board: variable \$route: unknown variable \$model"):
        values_for(_board(second), _label_values)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        (Variable("model", "query", "label_values(y, model)"), r"variable \$model has no value"),
        (Variable("model", "query", "label_values(y, model)", takes_all=True, all_value=".*"), "has no value"),
        (Variable("model", "query", "query_result(x)"), r"only label_values\(…\) is understood"),
        (Variable("model", "adhoc"), "of a kind that is not understood: 'adhoc'"),
    ],
)
def test_a_variable_without_values_or_of_a_strange_kind_is_an_error(variable: Variable, said: str) -> None:
    with pytest.raises(BadDashboard, match=said):
        values_for(_board(variable), _label_values)
