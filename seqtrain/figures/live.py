"""A picture that is drawn again and again, quickly."""

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image


class LiveFigure:
    """A figure in which only some artists change; the rest is drawn once.

    So a picture takes 5 ms instead of 200.

    Args:
        figure: What stays.
        artists: What changes.
    """

    def __init__(self, figure: Figure, artists: Sequence[Artist]):
        self._canvas, self.artists = FigureCanvasAgg(figure), artists
        for artist in artists:
            artist.set_animated(True)
        self._canvas.draw()
        self._background = self._canvas.copy_from_bbox(figure.bbox)

    def png(self) -> bytes:
        """The figure as it is now."""
        self._canvas.restore_region(self._background)
        for artist in self.artists:
            artist.axes.draw_artist(artist)
        buffer = io.BytesIO()
        pixels = np.asarray(self._canvas.buffer_rgba())[..., :3]
        Image.fromarray(pixels).save(buffer, "png", compress_level=1)
        return buffer.getvalue()
