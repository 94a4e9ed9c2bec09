"""The cases of the table of faults: what breaks, and what clients should get then."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.faulty import body, half, saying, silence, status
from bench.ills import (
    Ill,
    breaker_half_open,
    breaker_opened,
    connections_ill,
    network_ill,
    one_silent_where_hedged,
    redis_disk_full,
    redis_frozen,
    redis_full,
    redis_gone,
    redis_ill,
    redis_long_frozen,
    redis_restarted,
    says,
    service_disk_full,
    slow_and_narrow,
)
from bench.outcomes import Outcome, remembering
from bench.process_faults import killed_under_load, started_with_a_full_log, stopped_under_load
from bench.stand import (
    BREAKING,
    CHAIN,
    DEADLINE_SECONDS,
    FALLBACK,
    FIRST,
    HEDGED,
    NARROW,
    PLAIN,
    Reply,
    Stand,
    all_at_once,
    ask,
    ask_for_events,
    fresh_answers,
)
from tests.fault_proxy import Fault

_LATE = DEADLINE_SECONDS + 1.0  # the deadline, and what a busy machine adds
_SOON = 1.5  # a Redis that is away takes 0.25 s of each operation


@dataclass(frozen=True)
class Case:
    """`gets`, `remembers`: what may come; of each something must, unless it ends in "?". `calls`: least and most for an
    answer, by model. `retry_after`: the least seconds that a 503 names.
    """

    fault: str
    act: Callable[[Stand, int], Outcome]
    gets: tuple[str, ...] = ("200 graded",)
    within_seconds: float = _LATE
    calls: Mapping[str, tuple[int, int]] = field(default_factory=lambda: {FIRST: (1, 1), FALLBACK: (0, 0)})
    remembers: tuple[str, ...] = ("hit",)
    retry_after: int = 1

    def tried(self, stand: Stand, answers: int) -> Outcome:
        return self.act(stand, answers)

    def falls_short(self, outcome: Outcome, *, strict: bool) -> list[str]:
        """What was not as it should be; nothing where all was. `strict`: seconds count, too."""
        wrong = list(outcome.wrong)
        wrong += _beside(self.gets, outcome.got) + _beside(self.remembers, outcome.remembered)
        for model, (least, most) in self.calls.items():
            count, replies = outcome.calls[model], len(outcome.replies)
            if not least * replies <= count <= most * replies:
                wrong.append(f"{count} calls to {model}, wanted {least} to {most} an answer")
        hints = [reply.retry_after for reply in outcome.replies if reply.said == "503"]
        if any(hint is None or hint < self.retry_after for hint in hints):
            wrong.append(f"Retry-After {hints}, wanted {self.retry_after} or more")
        if strict and outcome.worst_seconds > self.within_seconds:
            wrong.append(f"{outcome.worst_seconds:.2f} s, wanted {self.within_seconds}")
        return wrong


def _beside(wanted: Sequence[str], got: Counter[str]) -> list[str]:
    may = {want.rstrip("?") for want in wanted}
    return [f"{what}, wanted {', '.join(wanted)}" for what in got if what not in may] + [
        f"no {want}" for want in wanted if not want.endswith("?") and want not in got
    ]


def asked_while(
    ill: Ill, settings: Mapping[str, str] = PLAIN, how: Callable[[httpx.Client, str], Reply] = ask
) -> Callable[[Stand, int], Outcome]:
    """Fresh answers all at once while something is ill, and the same again when all is well."""

    def act(stand: Stand, answers: int) -> Outcome:
        service, texts = stand.service(settings), fresh_answers(answers)
        with ill(stand), stand.asked() as calls:
            replies = all_at_once(service.client, texts, how)
        return remembering(service.client, texts, replies, calls)

    return act


def _redis(fault: str, ill: Ill, *remembers: str, seconds: float = _SOON) -> Case:
    """A Redis that is away is a miss: everybody is graded, for one call each."""
    return Case(fault, asked_while(ill), within_seconds=seconds, remembers=remembers)


def _upstream(fault: str, ill: Ill, gets: str, calls: tuple[int, int] = (1, 3), **more: Any) -> Case:
    """A failed judgement is no verdict, and nothing of it is remembered."""
    return Case(fault, asked_while(ill), (gets,), calls={FIRST: calls}, **{"remembers": ("miss",), **more})


def _chain(fault: str, act: Callable[[Stand, int], Outcome], first: int, fallback: int, seconds: float = 1.0) -> Case:
    """A fallback stands by: so many calls an answer to each of the two."""
    return Case(fault, act, within_seconds=seconds, calls={FIRST: (first, first), FALLBACK: (fallback, fallback)})


def _streamed(fault: str, broken: Fault, *gets: str, calls: int = 1, remembers: tuple[str, ...] = ("hit",)) -> Case:
    """The client reads verdicts as they are written: those that were whole before the stream broke stand."""
    act = asked_while(connections_ill(broken), how=ask_for_events)
    return Case(fault, act, gets, calls={FIRST: (calls, calls)}, remembers=remembers)


_TWO_VERDICTS = 6000  # bytes of the upstream's stream
# A write that got no answer in time may have been done all the same.
_PERHAPS = ("hit?", "miss?")
_LOST = ("lost (ReadError)?", "lost (RemoteProtocolError)?")

CASES = (
    Case("none", asked_while(lambda _: nullcontext())),
    _redis("Redis replies 1 s late", redis_ill(Fault("delay", seconds=1.0)), *_PERHAPS),
    _redis("Redis frozen (SIGSTOP)", redis_frozen, *_PERHAPS),
    _redis("Redis frozen, six more answers", redis_long_frozen, *_PERHAPS, seconds=0.5),
    _redis("Redis restarted, empty", redis_restarted, *_PERHAPS),
    _redis("Redis full (noeviction)", redis_full, "miss"),
    _redis("Redis's disk full", redis_disk_full, "miss"),
    _redis("Redis gone", redis_gone, "miss"),
    _redis("Redis resets connections", redis_ill(Fault("reset")), *_PERHAPS),
    _redis("Redis sends garbage", redis_ill(Fault("garbage")), *_PERHAPS),
    _upstream("upstream refuses connections", network_ill(Fault("refuse")), "503", (0, 0)),
    _upstream("upstream resets", network_ill(Fault("reset")), "503"),
    _upstream("upstream stalls half-way", network_ill(Fault("stall", after_bytes=150)), "504", (1, 1)),
    _upstream("upstream's reply is cut short", network_ill(Fault("cut", after_bytes=150)), "503"),
    _upstream("garbage in place of HTTP", network_ill(Fault("garbage")), "503"),
    _upstream("a body that is no JSON", says(body(b"<html>oops")), "503"),
    _upstream("an empty body", says(body(b"")), "503"),
    Case("429, Retry-After 1, once", asked_while(says(status(429, retry_after="1"), times=1)), calls={FIRST: (1, 2)}),
    _upstream("429, Retry-After 60", says(status(429, retry_after="60")), "503", (1, 1), retry_after=60),
    _upstream("500", says(status(500)), "503"),
    _upstream("401", says(status(401)), "502", (1, 1), within_seconds=1.0),
    _upstream("a reply in no terms of the rubric", says(saying("A fine answer.")), "502", (2, 2)),
    _upstream("half a reply, twice", says(half), "200 partial", (2, 2), remembers=("mixed",)),
    _streamed("streamed", Fault(), "200 graded"),
    # What a reply cut off left open is asked about once more, perhaps on a connection that has little left to pass.
    _streamed(
        "stream cut after two verdicts",
        Fault("cut", after_bytes=_TWO_VERDICTS),
        "200 graded",
        "200 partial?",
        calls=2,
        remembers=("hit", "mixed?"),
    ),
    _streamed("… stalls there", Fault("stall", after_bytes=_TWO_VERDICTS), "200 partial", remembers=("mixed",)),
    _streamed(
        "… cut before the first", Fault("cut", after_bytes=150), "503 after 0 verdicts", calls=3, remembers=("miss",)
    ),
    _chain("first model silent, a fallback there", asked_while(says(silence), CHAIN), 1, 1, _LATE),
    _chain("first model 429, Retry-After 60", asked_while(says(status(429, retry_after="60")), CHAIN), 1, 1),
    _chain("first model's breaker open", asked_while(breaker_opened, BREAKING), 0, 1),
    _chain("first model well again", asked_while(breaker_half_open, BREAKING), 1, 0),
    Case("one call gets no reply, hedged", asked_while(one_silent_where_hedged, HEDGED), calls={FIRST: (1, 2)}),
    Case(
        "more than 2 calls and a queue of 2",
        asked_while(slow_and_narrow, NARROW),
        ("200 graded", "503"),
        calls={FIRST: (0, 1)},
        remembers=("hit", "miss"),
    ),
    Case("no file can grow", asked_while(service_disk_full)),
    Case("log on a full disk", started_with_a_full_log),
    Case("SIGTERM under load", stopped_under_load, ("200 graded", "refused"), calls={FIRST: (0, 1)}, remembers=()),
    Case(
        "SIGKILL under load",
        killed_under_load,
        ("200 graded", "refused?", *_LOST),
        calls={FIRST: (0, 1)},
        remembers=("hit", "miss?"),
    ),
)
