"""Generated reviews, in which a single word at a known place decides the label.

A review is a run of sentences from a small grammar. One of them is the verdict,
and only its last word, the deciding word, tells the label:

    … Nobody in the queue found Halcyon tedious. In short, my verdict: superb. The
    soundtrack by Vera was hardly dreadful, said Otto. …

    praise                          positive
    blame                           negative
    "not" or "hardly" before it     the other way round

Words such as "verdict" and "rating", which announce it, occur nowhere else. The
sentences around it contain as much praise and blame, plain and negated, but of other
films or by other people; they are drawn independently of the label. So counting words
tells little: a classifier has to find the verdict and remember it to the end.

If there is room for only one word, the deciding word stands there unannounced.
"""

import random
import re
from typing import NamedTuple

from .examples import Examples

NEGATIVE, POSITIVE = "negative", "positive"

_PRAISE = """
    superb wonderful brilliant delightful gripping moving charming masterful
    hilarious inspired elegant excellent
""".split()
_BLAME = """
    dreadful tedious clumsy lifeless boring shallow hollow pointless
    forgettable ridiculous awful stale
""".split()

_WORDS = {
    "praise": _PRAISE,
    "blame": _BLAME,
    "opinion": _PRAISE + _BLAME,
    "negation": ["not", "hardly"],
    "film": """
        Halcyon Nightfall Meridian Saltwater Aurora Lanterns Tundra Marigold
        Orchard Solstice Ironwood Papercut Driftwood Monsoon Kestrel Undertow
    """.split(),
    "name": """
        Anna Otto Vera Marcus Ingrid Paolo Selma Victor Nadia Henrik Lucia Boris
        Clara Jonas Miriam Felix
    """.split(),
    "friend": """
        brother sister neighbour colleague dentist cousin uncle flatmate
        grandmother teacher
    """.split(),
    "craft": """
        acting script score editing photography direction dialogue lighting
        pacing casting scenery humour
    """.split(),
    "role": """
        detective widow sailor pianist thief general nurse painter farmer
        stranger pilot baker
    """.split(),
    "place": """
        harbour castle desert village hospital station forest hotel prison
        bridge theatre monastery
    """.split(),
    "event": """
        storm wedding robbery funeral duel trial journey strike masquerade
        flood rescue betrayal
    """.split(),
    "thing": """
        popcorn ticket scarf coat coffee sandwich programme poster seat
        balcony screen curtain
    """.split(),
    "act": "follows betrays rescues hires forgives hunts marries deceives".split(),
    "when": "yesterday today recently twice again alone late early".split(),
}

# Decoys contain an opinion; the others tell of the story and the evening.
_DECOYS = """
    {name} called {film} {opinion}.
    The trailer promised something {opinion}.
    The book was {opinion}, or so they say.
    My {friend} found {film} {negation} {opinion}.
    Some people in the queue said "{opinion}" about {film}.
    Last year {name} made {film}, which was {negation} {opinion}.
    The {craft} in {film} was {opinion}, the {craft} {opinion}.
    A critic wrote that it would be {negation} {opinion}.
    I expected something {opinion}, if I am honest.
    "{opinion}!" shouted my {friend} from the {thing}.
    Is a film about a {role} ever {opinion}?
    My {friend} says the sequel will be {negation} {opinion}, but who knows.
    Unlike {film}, which {name} thought {opinion}, this one is short.
    {opinion} or {opinion}, {name} asked me.
    {film} was {negation} {opinion}.
    {film} was {opinion}.
"""
_STORY = """
    A {role} {act} a {role} during the {event}.
    The {event} takes place in a {place} by the {place}.
    {name} plays the {role} who {act} the {role}.
    Then there is a {event} at the {place}.
    We saw it {when} with my {friend}.
    I dropped my {thing} on the {thing}.
    {name} directed it in an old {place}.
    It was raining, so we took the {thing}.
    The {role} leaves the {place} before the {event}.
    After the {event} nothing is as it was.
    My {friend} slept through the {event} and woke for the {event}.
    The camera stays with the {role} for a long while.
    Most of it was shot {when} near a {place}.
    {name} wrote the {craft} and {name} did the {craft}.
    The {thing} cost more than the {thing}.
    Two hours pass, and the {role} {act} {name}.
    And then the {event}.
    Enough about the {event}.
    Mind the {thing}.
    {name} was there.
    Poor {name}!
    Thanks, {name}.
    Anyway.
    Well.
"""
_PLAIN = """
    Verdict: {word}.
    My verdict: {word}.
    My overall rating: {word}.
    In short, my judgement: {word}.
    And so my final verdict: {word}.
    Having slept on it, my conclusion: {word}.
"""
_NEGATED = """
    Verdict: {negation} {word}.
    In the end my judgement: {negation} {word}.
"""


class _Template(NamedTuple):
    """A sentence with gaps, the words for each gap, and its length in words."""

    form: str
    gaps: list[list[str]]
    length: int

    def fill(self, rng: random.Random) -> str:
        sentence = self.form % tuple(map(rng.choice, self.gaps))
        return sentence[0].upper() + sentence[1:]


def _templates(lines: str) -> list[_Template]:
    return [
        _Template(
            re.sub(r"{\w+}", "%s", line),
            [_WORDS[gap] for gap in re.findall(r"{(\w+)}", line)],
            len(line.split()),
        )
        for line in re.findall(r"\S.*", lines)
    ]


_SENTENCES = _templates(_DECOYS + _STORY)
_LONGEST = max(template.length for template in _SENTENCES)
# The sentences that fill the remaining room, or leave enough for another one.
_SENTENCES_WITHIN = [
    [each for each in _SENTENCES if room - each.length in (0, *range(3, room))]
    for room in range(_LONGEST + 4)
]


def generate(
    count: int, *, length: int, distance: int, noise: float, seed: str
) -> Examples:
    """Make reviews whose verdict comes `distance` words before the end.

    Args:
        count: How many.
        length: Words of each review, as `tokenize` counts them by default.
        distance: Words after the deciding word, less than `length`.
        noise: Share of the labels that contradict the verdict, so that no
            classifier can expect an accuracy above 1 - noise.
        seed: The same seed makes the same reviews.

    Example:
        >>> reviews = generate(1, length=8, distance=3, noise=0.0, seed="1")
        >>> reviews.texts, reviews.labels
        (['Marcus was there. Verdict: gripping. Mind the programme.'], ['positive'])
    """
    rng = random.Random(seed)
    room = length - distance
    verdicts = {
        POSITIVE: _verdicts("praise", "blame", room),
        NEGATIVE: _verdicts("blame", "praise", room),
    }
    texts, labels = [], []
    for _ in range(count):
        said, other = rng.sample((NEGATIVE, POSITIVE), 2)
        verdict = rng.choice(verdicts[said])
        before = _sentences(room - verdict.length, rng)
        after = _sentences(distance, rng)
        texts.append(" ".join([*before, verdict.fill(rng), *after]))
        labels.append(other if rng.random() < noise else said)
    return Examples(texts, labels)


def _verdicts(plain: str, negated: str, room: int) -> list[_Template]:
    lines = _PLAIN.replace("word", plain) + _NEGATED.replace("word", negated)
    fitting = [each for each in _templates(lines) if each.length <= room]
    return fitting or _templates(f"{{{plain}}}.")


def _sentences(room: int, rng: random.Random) -> list[str]:
    """Draw sentences of exactly `room` words together."""
    sentences = []
    while room:
        template = rng.choice(_SENTENCES_WITHIN[min(room, _LONGEST + 3)])
        sentences.append(template.fill(rng))
        room -= template.length
    return sentences
