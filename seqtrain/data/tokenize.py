"""Split raw texts into tokens, after making them uniform."""

import functools
import html
import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

from ..sections.data import Standardize

# Characters of a word on average: 4.3 in English, 8 in Finnish.
LONGEST_WORD = 12

# A tag, comment or declaration; not the `<` of "I <3 this" or of "3 < 4".
_TAG = re.compile(r"<[/!?]?[a-zA-Z][^<>]*>")

_MARKUP = re.compile(rf"<!--.*?-->|{_TAG.pattern}", re.DOTALL)

# A character reference far beyond the last character.
_HUGE_REFERENCE = re.compile(r"&#[0-9]{10,};?")

_LONG_RUN = re.compile(r"\S{1000}")

# Apostrophes and quotes as people and word processors write them. \x91 to \x94 are
# Windows quotes in a text that was decoded as Latin-1. Soft hyphens and zero-width
# non-joiners are not part of the spelling; a zero-width space is a space.
_QUOTES = str.maketrans(
    dict.fromkeys("’‘ʼ´′\x91\x92", "'")
    | dict.fromkeys("“”\x93\x94", '"')
    | dict.fromkeys("\u00ad\u200c\u2060\ufeff")
    | {"\u200b": " "}
)

# The blocks of Unicode with arrows, stars, hearts and emoji.
_PICTURE = "[\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]"

# A zero-width joiner is part of an emoji, but not of the spelling of a word.
_JOINER_IN_WORD = re.compile(rf"(?<!{_PICTURE})\u200d|\u200d(?!{_PICTURE})")

# How an emoji looks: black and white or in colours, its skin tone.
_LOOKS = re.compile(
    rf"(?<={_PICTURE})[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]+|\ufe0f(?=\u20e3)"
)

# What is seen as one emoji: a flag of two letters, or pictures that joiners connect;
# tags make the flag of England of a black one.
_EMOJI = (
    rf"[\U0001f1e6-\U0001f1ff]{{2}}"
    rf"|{_PICTURE}[\U000e0020-\U000e007f]*(?:\u200d{_PICTURE})*"
)

# Emoticons that do not begin with a letter. In `http://`, `a:b`, `f(x)=(y)` and `<30`
# is none.
_EMOTICON = (
    r"(?:[:;]|(?<![\w)])=)'?[-^o]?(?:[\])(}|]|\*(?!\*)|[\[{](?!\w)|[/\\](?![/\\\w]))"
    r"|(?<!\w)[:;=]-?[dDpPoOsSxX3](?!\w)"
    r"|</?3++(?![\d.,]*\d)"
    r"|\^[-_.]*\^|-_+-|>[_.]+<|\\o/"
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


_SYMBOLS = re.compile(_SYMBOL)
_EMOJI_OR_EMOTICON = re.compile(f"{_EMOTICON}|{_EMOJI}")

_BESIDE_WORDS = {"drop": "", "emoji": f"|{_EMOTICON}|{_EMOJI}", "split": f"|{_SYMBOL}"}


@functools.cache
def _token_pattern(ascii_only: bool, punctuation: str, tokens: str) -> re.Pattern:
    word, character = _ASCII_WORD, r"[^\W_]"
    if not ascii_only:
        # `\w` matches the letters of every script, but not the marks on them, such as
        # vowel signs and combining accents. A character class of all marks is slow, so
        # ASCII texts, which have none, use a pattern without it.
        marks = "".join(c for c in map(chr, range(0x20000)) if _is_mark(c))
        word = rf"[^\W_]+(?:[{marks}]+[^\W_]*|['’][^\W_]+)*"
        character = rf"[^\W_][{marks}]*"
    return re.compile(
        (word if tokens == "words" else character) + _BESIDE_WORDS[punctuation]
    )


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def tokenize(
    text: str,
    standardize: Standardize,
    tokens: Literal["words", "characters"] = "words",
) -> list[str]:
    """Split a raw text into its tokens.

    The steps, in this order, as the config chooses:

        html         strip: tags become spaces; `&amp;` and the like, characters
        unicode      nfkc: compatible characters become the same (ﬁ is fi, ½ is 1⁄2),
                     and curly quotes become straight
        lowercase    in every script, not only ASCII
        punctuation  emoji: keep words, emoji and emoticons; drop: words only; split:
                     each mark is a token

    A word is a run of letters, digits and the marks on them, with apostrophes inside:
    `don't` and `don’t` are the same word. In Han and kana, which have no spaces, each
    character is a token; with `tokens="characters"` so it is in every script, a letter
    and the marks on it being one. An emoji is a token as it is seen, a flag or a family
    being one, without its skin tone. Invisible characters are never tokens.

    Example:
        >>> tokenize("It’s <b>GREAT</b>.<br />Don't miss! :-)", Standardize())
        ["it's", 'great', "don't", 'miss', ':-)']
        >>> tokenize("It's great!", Standardize(punctuation="split"))
        ["it's", 'great', '!']
        >>> tokenize("ที่นี่ดี", Standardize(), "characters")
        ['ที่', 'นี่', 'ดี']
    """
    return split(uniform(text, standardize), standardize, tokens)


def uniform(text: str, standardize: Standardize) -> str:
    """Do the first steps of `tokenize`: all that comes before the punctuation."""
    if standardize.html == "strip":
        text = _unescape_html(_without_markup(text))
    if not text.isascii():
        if standardize.punctuation == "emoji":
            text = _LOOKS.sub("", text)
        if standardize.unicode == "nfkc":
            text = _nfkc(_JOINER_IN_WORD.sub("", text.translate(_QUOTES)))
        text = _UNSPACED.sub(r" \g<0> ", text)
    return text.lower() if standardize.lowercase else text


def split(
    text: str,
    standardize: Standardize,
    tokens: Literal["words", "characters"] = "words",
) -> list[str]:
    """Do the last step of `tokenize`: split a text that `uniform` returned."""
    pattern = _token_pattern(text.isascii(), standardize.punctuation, tokens)
    return pattern.findall(text)


def dropped(text: str, standardize: Standardize) -> list[str]:
    """Return the visible characters that are in no token of a text from `uniform`.

    Example:
        >>> dropped("is it 5 $ or 6 €?", Standardize())
        ['$', '€', '?']
    """
    pattern = _token_pattern(text.isascii(), standardize.punctuation, "words")
    return _SYMBOLS.findall(pattern.sub(" ", text))


def has_emoji(text: str) -> bool:
    """Whether a text has an emoji or an emoticon."""
    return _EMOJI_OR_EMOTICON.search(text) is not None


def has_markup(text: str) -> bool:
    """Whether a text has HTML tags."""
    return _TAG.search(text) is not None


def choose_tokens(texts: Iterable[str]) -> Literal["words", "characters"]:
    """Return what texts are best cut into: characters if they have no spaces.

    Example:
        >>> choose_tokens(["a good film"]), choose_tokens(["ฉันชอบหนังเรื่องนี้มาก"])
        ('words', 'characters')
    """
    words = [word for text in texts for word in tokenize(text, Standardize())]
    characters = sum(map(len, words)) / max(1, len(words))
    return "words" if characters <= LONGEST_WORD else "characters"


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
