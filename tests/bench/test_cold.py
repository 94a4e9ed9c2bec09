"""The ratio of two kinds of calls is that of their medians, and its interval comes from whole batches."""

import numpy as np
import pytest

from bench.cold import ratio


def test_a_ratio_is_of_medians_of_batches_and_the_first_batch_only_warms_up() -> None:
    under = [9.0] * 20 + [1.0] * 20 + [2.0] * 20 + [3.0] * 20
    over = [1.0] * 20 + [3.0] * 20 + [6.0] * 20 + [9.0] * 20
    # medians of (1, 2, 3) and (3, 6, 9): 6 / 2, and every draw of batches gives 3 too
    assert ratio(over, under, np.random.default_rng(1)) == pytest.approx((3.0, 3.0, 3.0))
