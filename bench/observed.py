"""What Grafana would show is really there, proven without Grafana: `python -m bench.observed`.

A real Prometheus scrapes the running service under a mixed load, by our own configuration and rules; then every query
of every panel of every dashboard is put to it. The fake upstream charges by OpenAI's usage fields, so what was spent is
known by the metrics, by the replies, and by its bills.

The load comes in two parts, to the same services. Panels that compare with the week before need a week: what was seen
of the first part is also put into Prometheus as of a week before the second. Each dashboard's data are drawn to
docs/dashboards.

Exit code 1: a panel without data, a wrong reply, something that never came about, or sums that differ.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.asking import Asked, ask_all, refuse_unknown
from bench.dashboard_picture import picture
from bench.ledger import billed_usd
from bench.observed_evals import meanwhile, run_and_push
from bench.observed_load import BURST_AT, PLAIN_SHARES, SHARES, Asks, Load, course, weather
from bench.observed_stand import EVERY_SECONDS, Stand, stand
from bench.panel_data import Answer
from bench.panels import BadDashboard, Dashboard, Panel, dashboards_in
from bench.prometheus_server import Rule
from bench.setting import command_line, table
from bench.units import shown
from bench.variables import Times
from service.catalog import HOME, read_catalog

BOUND_USD = 1e-6
_GOOD_THEN, _GOOD_NOW = 0.8, 0.6  # how often a criterion is found met: a drift that can be seen
_STEP_SECONDS, _RATE_SECONDS = 2, 20  # Grafana's own rate would be over 4 scrapes, which are 4 s here
_HEDGED_SHARE = 0.3  # of the load, beside it, for the service that hedges
_MUST_COME = ("graded", "partial", "abstained", "failed", "hit", "miss", "mixed", "coalesced")
_FOOTER = (
    "Drawn by bench.observed from the dashboards' own queries; no Grafana ran. The load is made up and the upstream a "
    "fake. Prometheus looked every second.",
    "The week before is the first part of the same run, moved back by seven days.",
)


class Sum(NamedTuple):
    """US dollars, by the metrics and by the replies; `beside`: what no reply carries, by the upstream's bills.

    `at_most`: of what is beside, some may not have reached the service: the losers of two calls for one reply.
    """

    of: str
    metrics: float
    replies: float
    beside: float = 0.0
    at_most: bool = False

    @property
    def agrees(self) -> bool:
        over = self.metrics - self.replies
        return (0 if self.at_most else self.beside) - BOUND_USD <= over <= self.beside + BOUND_USD


class Observed(NamedTuple):
    """What came of a run. `seen`: how grades ended and what the cache held, counted."""

    asked: Sequence[Asked]
    sums: Sequence[Sum]
    wrong: Sequence[str]
    seen: str
    rules: Sequence[Rule]


def observe(dashboards: Sequence[Dashboard], seconds: float, per_second: float, folder: Path) -> Observed:
    """Both parts of the load, and all that is asked afterwards."""
    with stand(folder) as here:
        loads = Load(here.main), Load(here.hedging)
        before = _metrics(here)
        run_and_push(here.upstream_address, here.gateway, folder, seed=1)
        began = time.time()
        asyncio.run(_part(here, loads, "then", _GOOD_THEN, seconds, per_second))
        here.move_back_a_week(began)
        began = time.time()
        with meanwhile(here.upstream_address, here.gateway, folder, seed=2):
            asyncio.run(_part(here, loads, "now", _GOOD_NOW, seconds, per_second))
            ended = time.time()
        time.sleep(3 * EVERY_SECONDS)  # the last scrape has seen the last reply
        asked = ask_all(here.prometheus, dashboards, Times(began, ended, _STEP_SECONDS, _RATE_SECONDS))
        sums, rules = _sums(here, loads, before), here.prometheus.rules()
    seen = loads[0].ledger.seen + loads[1].ledger.seen
    wrong = [*loads[0].wrong, *loads[1].wrong, *(f"no grade was {what}" for what in _MUST_COME if not seen[what])]
    return Observed(asked, sums, wrong, ", ".join(f"{count} {what}" for what, count in sorted(seen.items())), rules)


async def _part(here: Stand, loads: tuple[Load, Load], name: str, good: float, seconds: float, rate: float) -> None:
    """One part of the load, on both services."""
    catalog = read_catalog()
    async with asyncio.TaskGroup() as group:
        group.create_task(weather(here.upstream, here.redis, course(good), seconds))
        mixed, plain = Asks(catalog, SHARES, 1, "main", name), Asks(catalog, PLAIN_SHARES, 2, "hedging", name)
        group.create_task(loads[0].send(mixed, seconds, rate, BURST_AT))
        group.create_task(loads[1].send(plain, seconds, rate * _HEDGED_SHARE))


def _metrics(here: Stand) -> list[tuple[float, float]]:
    """Spent and saved by each service, as Prometheus has it."""
    return [
        (here.told(f'sum(grader_cost_usd_total{{instance="{instance}"}})'),
         here.told(f'sum(grader_cost_saved_usd_total{{instance="{instance}"}})'))
        for instance in (address.removeprefix("http://") for address in (here.main, here.hedging))
    ]  # fmt: skip


def _sums(here: Stand, loads: Sequence[Load], before: Sequence[tuple[float, float]]) -> list[Sum]:
    billed = billed_usd(here.upstream.bills)
    sums = []
    for load, name, old, new in zip(loads, ("the service", "the hedging one"), before, _metrics(here), strict=True):
        ledger, hedges = load.ledger, load is loads[1]
        sums.append(Sum(f"spent by {name}", new[0] - old[0], ledger.spent_usd, ledger.uncarried_usd(billed), hedges))
        sums.append(Sum(f"saved by {name}", new[1] - old[1], ledger.saved_usd))
    return sums


def _draw(dashboards: Sequence[Dashboard], asked: Sequence[Asked], folder: Path) -> None:
    for dashboard in dashboards:
        answers: dict[Panel, list[Answer]] = {}
        for each in asked:
            if each.dashboard == dashboard.name:
                answers.setdefault(each.panel, []).append(each.answer)
        picture(dashboard, answers, _FOOTER, folder / f"{dashboard.name}.png")


def report(observed: Observed, dashboards: Sequence[Dashboard]) -> str:
    """Tables of all that was asked and of the sums."""
    rows = [
        [each.dashboard, each.panel.title, each.answer.target.ref, len(each.answer.series),
         shown(each.answer.last, each.panel.look.unit), each.fault or "yes"]
        for each in observed.asked
    ]  # fmt: skip
    panels = len({(each.dashboard, each.panel) for each in observed.asked})
    note = f"{len(rows)} queries of {panels} panels on {len(dashboards)} dashboards; grades: {observed.seen}"
    heads = ["dashboard", "panel", "query", "series", "last value", "there"]
    sums = [
        [s.of, f"{s.metrics:.8f}", f"{s.replies:.8f}", f"{'up to ' if s.at_most else ''}{s.beside:.8f}",
         "yes" if s.agrees else "NO"]
        for s in observed.sums
    ]  # fmt: skip
    beside = "US dollars; beside: billed for grades that failed, or whose cost the reply gives as unknown (hedged)"
    sum_heads = ["sum", "metrics", "replies", "beside", f"agree to {BOUND_USD:g}"]
    firing = ", ".join(dict.fromkeys(rule.name for rule in observed.rules if rule.state == "firing")) or "none"
    parts = [
        table(command_line("bench.observed"), note, heads, rows),
        table("sums", beside, sum_heads, sums),
        f"{len(observed.rules)} rules evaluated; alerts firing at the end: {firing}\n",
    ]
    return "\n".join(parts)


def faults(observed: Observed) -> list[str]:
    """What fell short, each named."""
    return [
        *(f"{each.name}: {each.fault}" for each in observed.asked if each.fault),
        *(f"{each.of}: the metrics say {each.metrics}, the replies {each.replies}, and {each.beside} beside"
          for each in observed.sums if not each.agrees),
        *observed.wrong,
        *(f"rule {rule.name}: {rule.error}" for rule in observed.rules if rule.error),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=75.0, help="of each of the two parts of the load")
    parser.add_argument("--per-second", type=float, default=8.0)
    parser.add_argument("--dashboards", type=Path, default=HOME / "ops" / "grafana" / "dashboards")
    parser.add_argument("--pictures", type=Path, default=HOME / "docs" / "dashboards")
    wanted = parser.parse_args()
    try:
        dashboards = dashboards_in(wanted.dashboards)
        refuse_unknown(dashboards)
        with tempfile.TemporaryDirectory() as folder:
            observed = observe(dashboards, wanted.seconds, wanted.per_second, Path(folder))
    except BadDashboard as error:
        sys.exit(str(error))
    _draw(dashboards, observed.asked, wanted.pictures)
    print(report(observed, dashboards))
    missing = faults(observed)
    print("\n".join(missing) or "nothing falls short")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
