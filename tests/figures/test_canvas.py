from seqtrain.figures.canvas import blank, png


def draw(height):
    figure = blank(3, 2)
    figure.subplots().plot([0, height])
    return png(figure)


def test_equal_figures_are_equal_files():
    assert draw(1) == draw(1) != draw(2)
    assert draw(1).startswith(b"\x89PNG")
    assert b"matplotlib" not in draw(1).lower()  # another version, the same file
