import pytest

from seqtrain.errors import display_width
from seqtrain.terminal.columns import align


@pytest.mark.parametrize("name", ["映画", "tre\u0300s", "한국어 film"], ids=ascii)
def test_columns_stand_straight_whatever_the_alphabet(name):
    rows = [["class", "recall", "f1"], ["pos", "88.12", "1"], ["b", "7", "22"]]
    for row in range(3):
        for column in range(3):
            cells = [list(each) for each in rows]
            cells[row][column] = name
            lines = align(cells).splitlines()
            assert len({display_width(line) for line in lines}) == 1


def test_no_row_ends_in_spaces():
    assert align([["a", "b"], ["long name", ""]]) == "a          b\nlong name"
