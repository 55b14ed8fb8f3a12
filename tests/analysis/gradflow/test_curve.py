import math

import numpy as np
import pytest

from seqtrain.analysis.gradflow.curve import Curve, mean_by_lag


def test_means_stop_where_most_examples_have_ended():
    norms, mask = np.ones((5, 3)), np.arange(5) < np.array([[5], [3], [2]])
    assert mean_by_lag([norms], [mask]).tolist() == [1, 1, 1]


def test_batches_of_unequal_width_are_one_curve():
    first = np.array([[1.0], [2.0], [3.0]]), np.array([[True, True, True]])
    second = np.array([[5.0], [7.0]]), np.array([[True, True]])
    norms, masks = zip(first, second, strict=True)
    assert mean_by_lag(norms, masks).tolist() == [5.0, 3.5, 1.0]


def test_a_curve_that_falls_has_its_reach():
    curve = Curve.of(0.5 ** np.arange(20))
    assert curve.slope == pytest.approx(-math.log10(2))
    assert curve.half_life == pytest.approx(1)
    assert (curve.reach, curve.grows) == (7, False)  # 2^-7 is the first below 1%


def test_a_curve_that_comes_back_reaches_to_where_it_does():
    norms = np.array([1, 0.1, 0.001, 0.1, 0.001, 0.001])
    assert Curve.of(norms).reach == 4


def test_a_curve_that_stays_has_no_reach():
    curve = Curve.of(np.full(20, 0.3))
    assert curve.reach is None
    assert curve.slope == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("last", [np.inf, np.nan, 1e4])
def test_a_curve_that_grows_reaches_to_a_hundredfold(last):
    curve = Curve.of(np.array([1.0, 10.0, 99.0, last]))
    assert (curve.reach, curve.grows) == (3, True)
    assert curve.half_life is None


def test_of_a_curve_that_is_gone_at_once_no_slope_is_told():
    curve = Curve.of(np.array([1.0, 1e-9, 0.0, 0.0]))
    assert (curve.slope, curve.reach) == (None, 1)
