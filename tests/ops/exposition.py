"""Print the metrics as a service shows them that has just begun: `python -m tests.ops.exposition`.

A program of its own, since an instrument that has been told something cannot be made to forget it.
"""

import sys

from prometheus_client import Counter, Gauge, Histogram, generate_latest

from service import metrics

MODELS = ("openai/some-model", "local:some-weights")


def main() -> None:
    metrics.begin_at_zero(MODELS, ["interview"])
    metrics.daily_budget_usd().set(10)
    for instrument in vars(metrics).values():
        if isinstance(instrument, Counter | Gauge | Histogram) and not list(_series(instrument)):
            for model in MODELS:  # those with any other label have begun
                instrument.labels(model)
    sys.stdout.buffer.write(generate_latest())


def _series(instrument: Counter | Gauge | Histogram) -> list[object]:
    return [sample for family in instrument.collect() for sample in family.samples]


if __name__ == "__main__":
    main()
