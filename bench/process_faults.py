"""The service itself is stopped, killed, or cannot write what it has to say: one outcome each."""

import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
from redis import Redis

from bench.outcomes import Outcome, remembering
from bench.stand import PLAIN, Reply, Stand, all_at_once, ask, fresh_answers
from tests.processes import PATIENCE_SECONDS, Serving, serving

_CALLERS = 8


def stopped_under_load(stand: Stand, answers: int) -> Outcome:
    """SIGTERM while clients come and go: whoever was let in is answered."""
    with stand.slow_upstream(300), stand.asked() as calls, load(stand, answers) as (service, replies):
        service.process.send_signal(signal.SIGTERM)
        code = service.process.wait(PATIENCE_SECONDS)
    wrong = [f"exit code {code}"] if code else []
    return Outcome(list(replies.values()), calls, Counter(), wrong)


def killed_under_load(stand: Stand, answers: int) -> Outcome:
    """SIGKILL while clients come and go: what another process then remembers is right, and has its time to live."""
    with stand.slow_upstream(100), stand.asked() as calls, load(stand, answers) as (service, replies):
        service.process.kill()
        service.process.wait(PATIENCE_SECONDS)
    outcome = remembering(stand.service(PLAIN).client, list(replies), list(replies.values()), calls)
    with Redis.from_url(stand.redis.url) as redis:
        immortal = [key for key in redis.scan_iter("grader:*") if redis.pttl(key) < 0]
    return replace(outcome, wrong=[*outcome.wrong, *(f"{key!r} never ends" for key in immortal)])


@contextmanager
def load(stand: Stand, answers: int, settings: Mapping[str, str] = PLAIN) -> Iterator[tuple[Serving, dict[str, Reply]]]:
    """A service of its own, and callers that ask on, over connections old and new, till they find nobody there."""
    with serving(stand.settings(settings)) as service:
        replies: dict[str, Reply] = {}
        callers = [threading.Thread(target=_call, args=(service, replies, bool(n % 2))) for n in range(_CALLERS)]
        for caller in callers:
            caller.start()
        stand.until(lambda: len(replies) >= answers)
        yield service, replies
        for caller in callers:
            caller.join(PATIENCE_SECONDS)


def _call(service: Serving, replies: dict[str, Reply], fresh_connections: bool) -> None:
    while True:
        with httpx.Client(base_url=service.client.base_url, timeout=PATIENCE_SECONDS) as client:
            for _ in range(1 if fresh_connections else 1000):
                (text,) = fresh_answers(1)
                reply = ask(client, text)
                replies[text] = reply
                if not reply.said.startswith("200"):
                    return


def started_with_a_full_log(stand: Stand, answers: int) -> Outcome:
    """What it says on standard error goes to a disk that is full."""
    with Path("/dev/full").open("w") as full, serving(stand.settings(PLAIN), full) as service:
        with stand.asked() as calls:
            texts = fresh_answers(answers)
            replies = all_at_once(service.client, texts)
        return remembering(service.client, texts, replies, calls)
