"""What came of a fault, for the clients and for what is remembered."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from bench.stand import RIGHT, Reply, ask
from tests.processes import PATIENCE_SECONDS


@dataclass(frozen=True)
class Outcome:
    """`remembered`: what `cache` said when the same was asked once more, all being well again."""

    replies: Sequence[Reply]
    calls: Counter[str]
    remembered: Counter[str]
    wrong: Sequence[str] = ()

    @property
    def got(self) -> Counter[str]:
        return Counter(reply.said for reply in self.replies)

    @property
    def worst_seconds(self) -> float:
        return max(reply.seconds for reply in self.replies)


def remembering(client: httpx.Client, texts: Sequence[str], replies: Sequence[Reply], calls: Counter[str]) -> Outcome:
    time.sleep(0.1)  # a store that was away may have a connection to open anew
    again = [_until_graded(client, text) for text in texts]
    wrong = [f"afterwards {reply.said} {reply.verdicts}" for reply in again if reply.verdicts != RIGHT]
    for reply in replies:
        said = reply.verdicts if reply.said == "200 graded" else RIGHT
        wrong += [f"judged {said}"] if said != RIGHT else []
    return Outcome(replies, calls, Counter(str(reply.body["cache"]) for reply in again), wrong)


def _until_graded(client: httpx.Client, text: str) -> Reply:
    """All is well again; a breaker may take its seconds to find out."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while (reply := ask(client, text)).said != "200 graded":
        assert time.monotonic() < ends, f"all is well, and still {reply.said}"
        time.sleep(0.2)
    return reply
