import io

import numpy as np
import pytest
from PIL import Image

from seqtrain.figures.classes import LiveCalibration, LiveConfusion
from seqtrain.metrics import calibration, confidence_edges


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)).convert("L"), int)


def test_a_cell_is_the_darker_the_larger_its_share_of_the_true_class():
    figure = LiveConfusion(["neg", "pos"])
    # Shares of 1 and 0 above, of a quarter and three quarters below.
    shown = pixels(figure.show(np.array([[8, 0], [250, 750]])))
    height, width = shown.shape
    # Within each cell, beside its count.
    cells = shown[[int(0.22 * height), int(0.68 * height)]][
        :, [int(0.28 * width), int(0.75 * width)]
    ]
    assert cells[0, 0] < cells[1, 1] < cells[1, 0] < cells[0, 1]


def test_each_matrix_is_drawn_anew():
    figure = LiveConfusion(["neg", "pos"])
    first = figure.show(np.array([[5, 0], [1, 4]]))
    assert figure.show(np.array([[4, 1], [1, 4]])) != first
    assert figure.show(np.array([[5, 0], [1, 4]])) == first


@pytest.mark.parametrize("number", [3, 60])
def test_any_names_and_a_class_without_examples_can_be_shown(number):
    names = ["$a_$b", "好", "a\nb", *map(str, range(60))][:number]
    confusion = np.eye(number, dtype=int)
    confusion[0] = 0
    assert LiveConfusion(names).show(confusion).startswith(b"\x89PNG")


def test_calibration_is_drawn_anew_also_with_empty_bins():
    edges = confidence_edges(2)
    figure = LiveCalibration(edges)
    rows = np.array([[0.9, 0.1], [0.2, 0.8], [0.55, 0.45]])
    first = figure.show(*calibration(np.array([0, 1, 0]), rows, edges))
    second = figure.show(*calibration(np.array([0, 1, 1]), rows, edges))
    assert pixels(first).shape == pixels(second).shape
    assert first != second
