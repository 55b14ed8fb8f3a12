import itertools
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqtrain.data.tokenize import _MARKUP, _without_markup, choose_tokens, tokenize
from seqtrain.data.vocabulary import Vocabulary
from seqtrain.sections.data import Standardize

EVERY_CHOICE = [
    Standardize(lowercase=lowercase, html=html, punctuation=punctuation, unicode=form)
    for lowercase, html, punctuation, form in itertools.product(
        (True, False), ("strip", "keep"), ("emoji", "drop", "split"), ("nfkc", "none")
    )
]
# Any character at all, and often those that have rules of their own.
CHARACTERS = st.characters(exclude_categories=()) | st.sampled_from(
    "aZ7'’´<>&;/_!\\:=()-^D3❤👍🏽🇩🇪"
    " \n\x00\x85\u0301\u0931\u093c\u200b\u200d\ufe0f\ud800映İ"
)
TEXTS = st.text(CHARACTERS, max_size=30)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("A good film.", ["a", "good", "film"]),
        ("it.<br /><br />Don't", ["it", "don't"]),
        ("<i>tag</i><!-- a > b -->s", ["tag", "s"]),
        ("I <3 it, 2 < 3 > 1", ["i", "<3", "it", "2", "3", "1"]),
        ("Tom &amp; Jerry don&#39;t", ["tom", "jerry", "don't"]),
        ("good-bad 10/10 _very_", ["good", "bad", "10", "10", "very"]),
        ("'tis the dogs' rock'n'roll", ["tis", "the", "dogs", "rock'n'roll"]),
        ("“Don’t” ‘don‘t’ don´t don\x92t", ["don't"] * 4),
        ("CAFÉ ÜNÏCODE ΣΊΣΥΦΟΣ", ["café", "ünïcode", "σίσυφος"]),
        ("ﬁlm Ｗｉｄｅ x²", ["film", "wide", "x2"]),
        ("cafe\u0301's x\u0331yz", ["café's", "x\u0331yz"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("很好看。とても", ["很", "好", "看", "と", "て", "も"]),
        ("co\u00adop non\u200bstop \ufeffreally", ["coop", "non", "stop", "really"]),
        ("great 👍🏽 ❤️❤", ["great", "👍", "❤", "❤"]),
        (
            "👩🏽\u200d💻👨\u200d👩\u200d👧 🇩🇪🇫🇷",
            ["👩\u200d💻", "👨\u200d👩\u200d👧", "🇩🇪", "🇫🇷"],
        ),
        ("1️⃣ 1⃣ ☝️🏽 ★★☆ ✓", ["1⃣", "1⃣", "☝", "★", "★", "☆", "✓"]),
        ("ma\u200dny", ["many"]),
        (":) :-( :'( ;-) =) :)))", [":)", ":-(", ":'(", ";-)", "=)", ":)"]),
        (":D :-P :o :3 xD ^_^ >.<", [":d", ":-p", ":o", ":3", "xd", "^_^", ">.<"]),
        ("bad:/ &lt;/3 <333 &lt;3", ["bad", ":/", "</3", "<333", "<3"]),
        (
            "http://a:b c:/d 10:30 x<30 f(x)=(y)",
            "http a b c d 10 30 x 30 f x y".split(),
        ),
        ("**Note:** [1:], (a;b), 3:1.", ["note", "1", ":]", "a", "b", "3", "1"]),
        ("\ud800 ...!?", []),
        ("", []),
    ],
)
def test_tokenize_by_default(text, tokens):
    assert tokenize(text, Standardize()) == tokens


@pytest.mark.parametrize(
    ("choice", "tokens"),
    [
        ({"lowercase": False}, ["Don't", "be", "fine", "A", "B"]),
        ({"html": "keep"}, ["don't", "be", "fine", "br", "a", "amp", "b"]),
        (
            {"punctuation": "split"},
            ['"', "don't", "be", "fine", "_", "!", "a", "&", "b"],
        ),
        ({"punctuation": "drop"}, ["don't", "be", "fine", "a", "b"]),
        ({"unicode": "none"}, ["don’t", "be", "ﬁne", "a", "b"]),
    ],
)
def test_each_choice_changes_what_it_says(choice, tokens):
    text = "“Don’t be ﬁne_!<br />A&amp;B"
    assert tokenize(text, Standardize(**choice)) == tokens


def test_drop_keeps_words_only():
    drop = Standardize(punctuation="drop")
    assert tokenize("so :D 👍🏽 <3 👩\u200d💻 ★", drop) == ["so", "d", "3"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("It's 5 :)", ["i", "t", "s", "5", ":)"]),
        ("ที่นี่ดี มาก", ["ที่", "นี่", "ดี", "ม", "า", "ก"]),
        ("很好看。", ["很", "好", "看"]),
        ("हिन्दी cafe\u0301", ["हि", "न्", "दी", "c", "a", "f", "é"]),
        ("한국어 👩\u200d💻", ["한", "국", "어", "👩\u200d💻"]),
    ],
)
def test_a_character_is_a_letter_with_its_marks(text, tokens):
    assert tokenize(text, Standardize(), "characters") == tokens


def test_split_makes_tokens_of_marks_that_can_be_seen():
    split = Standardize(punctuation="split")
    assert tokenize("\ud800 ❤️\x00\u200e…", split) == ["❤", ".", ".", "."]


@given(TEXTS, st.sampled_from(EVERY_CHOICE), st.sampled_from(["words", "characters"]))
def test_tokens_hold_no_space_and_are_utf_8(text, standardize, tokens):
    for token in tokenize(text, standardize, tokens):
        assert token.split() == [token]
        assert token.encode("utf-8")


@given(TEXTS, st.sampled_from([each for each in EVERY_CHOICE if each.html == "keep"]))
def test_tokens_joined_by_spaces_are_the_same_tokens(text, standardize):
    tokens = tokenize(text, standardize)
    assert tokenize(" ".join(tokens), standardize) == tokens


@given(st.text(st.characters(codec="ascii")), st.sampled_from(EVERY_CHOICE))
def test_a_far_letter_changes_no_other_token(text, standardize):
    assert tokenize(f"{text} é", standardize) == [*tokenize(text, standardize), "é"]


def test_vocabulary_ranks_by_frequency_then_by_name():
    counts = {"b": 2, "c": 3, "a": 2, "B": 2, "d": 1}
    vocab = Vocabulary.build(counts, size=6)
    assert vocab.tokens == ["", "[unk]", "c", "B", "a", "b"]
    assert len(vocab) == 6
    assert Vocabulary.build(counts, size=100).tokens[2:] == ["c", "B", "a", "b", "d"]


def test_encode_gives_unknown_tokens_one_and_never_padding():
    vocab = Vocabulary.build({"good": 2, "film": 1}, size=100)
    encoded = vocab.encode(["film", "", "[unk]", "bad", "good"])
    assert encoded.dtype == "int32"
    assert encoded.tolist() == [3, 1, 1, 1, 2]
    assert vocab.encode([]).shape == (0,)


@given(st.lists(TEXTS, unique=True, max_size=8))
def test_vocabulary_comes_back_exactly_from_its_file(tmp_path_factory, tokens):
    path = tmp_path_factory.mktemp("run") / "vocabulary.txt"
    vocab = Vocabulary(["", "[unk]", *tokens])
    vocab.save(path)
    loaded = Vocabulary.load(path)
    assert loaded.tokens == vocab.tokens
    assert loaded.encode(tokens).tolist() == list(range(2, 2 + len(tokens)))


def test_vocabulary_file_has_a_token_a_line_by_id(tmp_path):
    path = tmp_path / "vocabulary.txt"
    Vocabulary.build({"don't": 2, "映": 1}, size=9).save(path)
    assert path.read_text(encoding="utf-8").split("\n") == [
        "",
        "[unk]",
        "don't",
        "映",
        "",
    ]


@pytest.mark.parametrize(
    "start, piece",
    [
        ("", "<!--"),
        ("", "<a"),
        ("", "<"),
        ("&#", "9"),
        ("&#x", "f"),
        ("", "<3333"),
        ("<", "3"),
        ("^", "."),
        (">", "_"),
        ("👍", "\u200d👍"),
        ("a", "\u0316\u0300"),  # marks that have to be sorted
        ("", "a'"),
        ("", "\ufdfa"),  # eighteen letters
    ],
    ids=ascii,
)
def test_a_text_made_to_take_hours_takes_a_second(start, piece):
    text = start + piece * (2**17)
    began = time.process_time()
    tokenize(text, Standardize())
    assert time.process_time() - began < 2


@given(st.lists(st.sampled_from(["<!--", "-->", "<", "a", ">", "!", "-", "/", "b "])))
def test_markup_is_what_one_pattern_says(pieces):
    text = "".join(pieces)
    assert _without_markup(text) == _MARKUP.sub(" ", text)


def test_a_number_too_long_for_a_character_reference_is_no_word():
    assert tokenize(f"good &#{'9' * 5000}; &#65;", Standardize()) == ["good", "a"]


def test_thirty_marks_on_a_letter_are_sorted_as_unicode_says():
    text = "a" + "\u0316\u0300" * 15
    assert tokenize(text + " " * 2, Standardize()) == [
        unicodedata.normalize("NFKC", text)
    ]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a good film", "words"),
        ("tämä on epäjärjestelmällisyyttä", "words"),
        ("很好看", "words"),  # Han is cut into characters anyway
        ("ฉันชอบหนังเรื่องนี้มาก", "characters"),
        ("ACGTTGCAACGTTGCA", "characters"),
        ("", "words"),
    ],
)
def test_scripts_without_spaces_are_found(text, tokens):
    assert choose_tokens([text]) == tokens
