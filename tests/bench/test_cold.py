"""The ratio of two kinds of calls is that of their medians, and its interval comes from whole batches."""

import os

import numpy as np
import pytest

from bench.cold import SWITCH, as_it_comes, plain, ratio


def test_a_ratio_is_of_medians_of_batches_and_the_first_batch_only_warms_up() -> None:
    under = [9.0] * 4 + [1.0] * 4 + [2.0] * 4 + [3.0] * 4
    over = [1.0] * 4 + [3.0] * 4 + [6.0] * 4 + [9.0] * 4
    # medians of (1, 2, 3) and (3, 6, 9): 6 / 2, and every draw of batches gives 3 too
    assert ratio(over, under, np.random.default_rng(1)) == pytest.approx((3.0, 3.0, 3.0))


def test_a_bare_call_is_asked_the_same_and_not_told_how() -> None:
    asked = {"model": "openai/x", "messages": [], "client": object(), "base_model": "openai/x", "fallbacks": []}
    assert plain(asked) == {"model": "openai/x", "messages": []}


def test_litellm_is_as_it_comes_for_as_long_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "True")
    with as_it_comes():
        assert SWITCH not in os.environ
    assert os.environ[SWITCH] == "True"
