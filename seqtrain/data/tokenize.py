"""Split raw texts into tokens, after making them uniform."""

import functools
import html
import re
import unicodedata

from ..sections.data import Standardize

# A tag, comment or declaration; not the `<` of "I <3 this" or of "3 < 4".
_TAG = re.compile(r"<[/!?]?[a-zA-Z][^<>]*>")

_MARKUP = re.compile(rf"<!--.*?-->|{_TAG.pattern}", re.DOTALL)

# A character reference far beyond the last character.
_HUGE_REFERENCE = re.compile(r"&#[0-9]{10,};?")

_LONG_RUN = re.compile(r"\S{1000}")

# Apostrophes and quotes as people and word processors write them. \x91 to \x94 are
# Windows quotes in a text that was decoded as Latin-1. Soft hyphens and zero-width
# joiners are not part of the spelling; a zero-width space is a space.
_QUOTES = str.maketrans(
    dict.fromkeys("’‘ʼ´′\x91\x92", "'")
    | dict.fromkeys("“”\x93\x94", '"')
    | dict.fromkeys("\u00ad\u200c\u200d\u2060\ufeff")
    | {"\u200b": " "}
)

# Text in kana and Han has no spaces between words, so each character is a token.
_UNSPACED = re.compile(
    "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)

_ASCII_WORD = r"[^\W_]+(?:'[^\W_]+)*"

# Control and format characters, variation selectors, halves of surrogate pairs.
_INVISIBLE = (
    r"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufe00-\ufe0f\ufeff\ud800-\udfff"
)

_SYMBOL = rf"[^\w\s{_INVISIBLE}]|_"


@functools.cache
def _token_pattern(ascii_only: bool, punctuation: str) -> re.Pattern:
    word = _ASCII_WORD
    if not ascii_only:
        # `\w` matches the letters of every script, but not the marks on them, such as
        # vowel signs and combining accents. A character class of all marks is slow, so
        # ASCII texts, which have none, use a pattern without it.
        marks = "".join(c for c in map(chr, range(0x20000)) if _is_mark(c))
        word = rf"[^\W_]+(?:[{marks}]+[^\W_]*|['’][^\W_]+)*"
    return re.compile(word if punctuation == "drop" else f"{word}|{_SYMBOL}")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def tokenize(text: str, standardize: Standardize) -> list[str]:
    """Split a raw text into its tokens.

    The steps, in this order, as the config chooses:

        html         strip: tags become spaces; `&amp;` and the like, characters
        unicode      nfkc: compatible characters become the same (ﬁ is fi, ½ is 1⁄2),
                     and curly quotes become straight
        lowercase    in every script, not only ASCII
        punctuation  drop: keep words only; split: each mark is a token

    A word is a run of letters, digits and the marks on them, with apostrophes inside:
    `don't` and `don’t` are the same word. In Han and kana, which have no spaces, each
    character is a token. Invisible characters are never tokens.

    Example:
        >>> tokenize("It’s <b>GREAT</b>.<br />Don't miss!", Standardize())
        ["it's", 'great', "don't", 'miss']
        >>> tokenize("It's great!", Standardize(punctuation="split"))
        ["it's", 'great', '!']
    """
    if standardize.html == "strip":
        text = _unescape_html(_without_markup(text))
    if not text.isascii():
        if standardize.unicode == "nfkc":
            text = _nfkc(text.translate(_QUOTES))
        text = _UNSPACED.sub(r" \g<0> ", text)
    if standardize.lowercase:
        text = text.lower()
    return _token_pattern(text.isascii(), standardize.punctuation).findall(text)


def _without_markup(text: str) -> str:
    if "<!--" not in text:
        return _TAG.sub(" ", text)
    # After the last `-->` no comment ends. To look for the end of each `<!--` there
    # would take hours in a text that has many of them.
    end = text.rfind("-->") + len("-->") if "-->" in text else 0
    return _MARKUP.sub(" ", text[:end]) + _TAG.sub(" ", text[end:])


def _nfkc(text: str) -> str:
    # Sorting n marks on one letter takes n² steps. Unicode's Stream-Safe Text Format
    # (UAX #15) splits them with an invisible joiner after 30. Real words are shorter.
    if _LONG_RUN.search(text):
        text = _marks_on_a_letter().sub("\\g<0>\u034f", text)
    return unicodedata.normalize("NFKC", text)


@functools.cache
def _marks_on_a_letter() -> re.Pattern:
    marks = "".join(filter(unicodedata.combining, map(chr, range(0x20000))))
    return re.compile(f"[{marks}]{{30}}")


def _unescape_html(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # int() raises beyond 4300 digits
        return html.unescape(_HUGE_REFERENCE.sub("\ufffd", text))
