"""What labelled texts lose on the way to a model, measured, with the key to change.

Each warning rests on a share: of the texts that a sign stands in, of the tokens that
the vocabulary does not have, of the characters of a token.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from ..data.sources.examples import Examples
from ..data.sources.labelled import Source
from ..data.sources.spelling_of_labels import find_alike
from ..data.tokenize import (
    LONGEST_WORD,
    dropped,
    has_emoji,
    has_markup,
    tokenize,
    uniform,
)
from ..errors import listed, shown
from ..sections.data import DataSection
from .text_report import Report

_TEXTS = 2000  # looked at, spread evenly over the training texts
_FEWEST = 10  # texts of a class from which its share says something
_TELLING = 0.5  # a sign stands in so much larger a share of one class than of others
_MOST_DROPPED = 0.2  # of the characters; 4% of English prose are punctuation
_MOST_EMPTY = 0.05  # of the texts
_MOST_WITH_EMOJI = 0.05  # of the texts, if emoji are dropped
_MOST_UNKNOWN = 0.4  # of the tokens; 3% of IMDB's, a third in some hundred texts
_CAPITALS = re.compile(r"[A-Z]{2}")

_PUNCTUATION = "data.standardize.punctuation"


def find_warnings(source: Source, config: DataSection, report: Report) -> list[str]:
    """Return what is lost of labelled texts, or probably not meant, a sentence each.

    Args:
        source: The raw texts and labels.
        config: The `data` section.
        report: The counts of the tokens.
    """
    step = 1 + len(source.train.texts) // _TEXTS
    sample = Examples(source.train.texts[::step], source.train.labels[::step])
    lost, lengths = [], []
    for text in sample.texts:
        tokens = tokenize(text, config.standardize, config.tokens)
        lengths += [len(tokens), sum(map(len, tokens))]
        lost.append(dropped(uniform(text, config.standardize), config.standardize))
    num_tokens, characters = sum(lengths[::2]), sum(lengths[1::2])
    return [
        *source.notes,
        *_spelling(report),
        *_dropped(sample, lost, characters, config),
        *_telling(sample, lost, config),
        *_long_tokens(characters / max(1, num_tokens), config),
        *_unknown(report, config),
    ]


def _spelling(report: Report) -> Iterator[str]:
    classes = report.splits["training"].classes
    for group in find_alike(classes):
        counts = listed(f"{shown(name)} ({classes[name]:,})" for name in group)
        yield (
            f"the labels {counts} differ only in spelling and are "
            f"{len(group)} classes; if they are one, give them one spelling in the data"
        )


def _dropped(
    sample: Examples, lost: list[list[str]], characters: int, config: DataSection
) -> Iterator[str]:
    """Warn of much that is dropped, whatever the labels."""
    texts = len(sample.texts)
    symbols = sum(map(len, lost))
    share = symbols / max(1, symbols + characters)
    if share >= _MOST_DROPPED:
        first = " ".join(
            symbol
            for symbol, _ in Counter(s for each in lost for s in each).most_common(5)
        )
        yield (
            f"{share:.0%} of the characters are punctuation and symbols ({first}), "
            f"which are dropped; {_PUNCTUATION}: split makes each a token"
        )
    if config.standardize.punctuation == "drop":
        share = sum(map(has_emoji, sample.texts)) / texts
        if share >= _MOST_WITH_EMOJI:
            yield (
                f"{share:.0%} of the texts have emoji or emoticons, which are dropped; "
                f"{_PUNCTUATION}: emoji keeps them"
            )


def _telling(
    sample: Examples, lost: list[list[str]], config: DataSection
) -> Iterator[str]:
    """Warn of signs that tell a class from the others, and are dropped."""
    signs = []
    for text, symbols in zip(sample.texts, lost, strict=True):
        found = {(shown(symbol), f"{_PUNCTUATION}: split") for symbol in symbols}
        if config.standardize.lowercase and _CAPITALS.search(text):
            found.add(("a word in capitals", "data.standardize.lowercase: false"))
        if config.standardize.html == "strip" and has_markup(text):
            found.add(("an HTML tag", "data.standardize.html: keep"))
        signs.append(found)
    sizes, texts = Counter(sample.labels), len(sample.texts)
    counts = defaultdict(Counter)
    for label, found in zip(sample.labels, signs, strict=True):
        for sign in found:
            counts[sign][label] += 1
    telling = []
    for sign, by_class in counts.items():
        total = sum(by_class.values())
        for label, size in sizes.items():
            others = texts - size
            if min(size, others) >= _FEWEST:
                inside = by_class[label] / size
                outside = (total - by_class[label]) / others
                telling.append((inside - outside, sign, label, inside, outside))
    best = {}  # of the signs that a key would keep, the most telling one
    for difference, (sign, remedy), label, inside, outside in sorted(telling):
        if difference >= _TELLING:
            best[remedy] = (
                f"{sign} stands in {inside:.0%} of the texts labelled {shown(label)}, "
                f"in {outside:.0%} of the others, and is lost; {remedy} keeps it"
            )
    yield from best.values()


def _long_tokens(characters: float, config: DataSection) -> Iterator[str]:
    if config.tokens == "words" and characters > LONGEST_WORD:
        yield (
            f"a token has {characters:.0f} characters on average, more than a word: "
            "the texts have no spaces between words; data.tokens: characters makes "
            "each character a token"
        )


def _unknown(report: Report, config: DataSection) -> Iterator[str]:
    for name, split in report.splits.items():
        if split.empty >= _MOST_EMPTY * split.examples:
            yield (
                f"{split.empty / split.examples:.0%} of the {name} texts have no token "
                f"at all; see that data.text names the right column, and that "
                f"{_PUNCTUATION}: split would not keep what they hold"
            )
        share = split.unknown / max(1, split.kept)
        if share < _MOST_UNKNOWN:
            continue
        if report.words + 2 > report.vocabulary:
            remedy = f"data.vocabulary: {report.words + 2} would know all in training"
        elif config.tokens == "words":
            remedy = (
                "the training texts lack them: more texts are needed, or "
                "data.tokens: characters"
            )
        else:
            remedy = "the training texts lack them, more texts are needed"
        yield f"{share:.0%} of the {name} tokens are unknown; {remedy}"
