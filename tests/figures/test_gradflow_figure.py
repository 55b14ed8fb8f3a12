import io

import numpy as np
from PIL import Image

from seqtrain.figures.canvas import write_png
from seqtrain.figures.gradflow import draw_curves


def test_the_figure_is_a_png_with_a_line_for_each_layer(tmp_path):
    path = tmp_path / "gradflow.png"
    curves = [list(10.0 ** (-slope * np.arange(200))) for slope in (0.1, 0.01)]
    layers = [
        {"name": f"lstm_{number}", "norms": curve, "carried": curve}
        for number, curve in enumerate(curves, 1)
    ]
    write_png(draw_curves(layers, "run"), path)
    image = Image.open(io.BytesIO(path.read_bytes()))
    assert image.format == "PNG"
    colors = {color for _, color in image.convert("RGB").getcolors(2**24)}
    assert {(31, 119, 180), (255, 127, 14)} <= colors  # of the first two lines
