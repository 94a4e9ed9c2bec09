"""What the service stands on breaks, over real sockets and a real Redis: the cases of `python -m bench.faults`."""

from collections.abc import Iterator

import pytest

from bench.fault_cases import CASES, Case
from bench.stand import Stand

ANSWERS = 6


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with Stand() as stand:
        yield stand


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.fault)
def test_clients_get_what_they_should_and_nothing_wrong_is_remembered(case: Case, stand: Stand) -> None:
    assert case.falls_short(case.tried(stand, ANSWERS), strict=False) == []
