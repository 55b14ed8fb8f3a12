import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtrain.errors import display_width, listed, shorten


@pytest.mark.parametrize(
    ("text", "width"),
    [
        ("", 0),
        ("film", 4),
        ("映画", 4),
        ("映 ｆｉｌｍ", 11),
        ("très", 4),
        ("tre\u0300s", 4),
        ("x\u20dd", 1),  # in a circle
        ("한", 2),
        (unicodedata.normalize("NFD", "한"), 2),
        ("\u0e17\u0e35\u0e48", 1),  # a Thai letter, its vowel and its tone
        ("…�", 2),
    ],
    ids=ascii,
)
def test_width_is_that_of_the_columns_in_a_terminal(text, width):
    assert display_width(text) == width


@given(st.text(max_size=40), st.integers(1, 30))
def test_a_shortened_text_fits_its_width_on_one_line(text, width):
    short = shorten(text, width)
    assert display_width(short) <= width
    assert len(short) <= width
    assert short.replace("\xa0", "").replace("\u3000", "").isprintable()


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("film", "film"),
        ("films", "fil…"),
        ("映画", "映画"),
        ("映画館", "映…"),
        ("a\nb", "a\\nb"),
        ("a\tbc", "a\\t…"),
        ("x\u0301", "x\u0301"),
    ],
    ids=ascii,
)
def test_text_is_cut_only_where_it_is_too_wide(text, short):
    assert shorten(text, 4) == short


def test_names_are_listed_short_and_clean():
    assert listed(["a", "\x1b[1m", "x" * 10**6]) == f"a, \\x1b[1m, {'x' * 59}…"
