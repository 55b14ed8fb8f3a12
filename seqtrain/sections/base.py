"""What every section of a config builds on: strict models, and types with a range.

A range belongs to a type; a rule across keys is a short validator. A key that has no
effect because of another key's value is refused; `null` removes one that a base set.
"""

import codecs
import os
import struct
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")


def in_32_bits(value: float) -> float:
    """Refuse a number that becomes 0 or 1 in float32, in which models compute."""
    [rounded] = struct.unpack("f", struct.pack("f", value))
    if abs(rounded) < 2**-126:  # XLA flushes subnormal numbers to 0
        rounded = 0.0
    if rounded in (0.0, 1.0) and rounded != value:
        raise ValueError(f"{value!r} is {rounded:.0f} in 32 bits")
    return value


def _in_65536ths(rate: float) -> float:
    """Refuse a dropout rate that drops nothing or all: its resolution is 2^-16."""
    if rate and round(rate * 2**16) in (0, 2**16):
        raise ValueError(
            f"{rate!r} drops nothing or all, 0 or 1e-5 to 0.9999 is needed"
        )
    return rate


def _nameable(path: object) -> object:
    """Refuse a text that can't be the name of a file."""
    if not isinstance(path, str):
        return path
    try:
        parts = os.fsencode(path).split(b"/")
    except UnicodeEncodeError:  # half of a surrogate pair
        parts = [b""]
    longest = max(map(len, parts))
    if not path or b"\0" in b"".join(parts) or longest > 255 or len(path) > 4000:
        raise ValueError(f"{path[:40]!r} can't be the name of a file")
    return path


def _at_home(path: object) -> object:
    """Take `~` at the start of a path for the home folder, as shells do."""
    return os.path.expanduser(path) if isinstance(path, str) else path


# The bounds refuse what would fail much later, with a less clear message. Token ids,
# labels and shapes are int32.
INT32 = 2**31 - 1
Count = Annotated[int, Field(ge=1, le=INT32)]
NonNegative = Annotated[int, Field(ge=0, le=INT32)]
# The 4 * units² entries of a recurrent kernel must be countable in 32 bits.
Width = Annotated[int, Field(ge=1, le=2**14)]
# As long as ten long novels; batches of it must fit into memory.
LONGEST = 10**6
Length = Annotated[int, Field(ge=1, le=LONGEST)]
# The largest float32 is 3e38.
Positive = Annotated[float, Field(gt=0, le=1e38), AfterValidator(in_32_bits)]
Share = Annotated[float, Field(gt=0, lt=1), AfterValidator(in_32_bits)]
Rate = Annotated[float, Field(ge=0, lt=1), AfterValidator(_in_65536ths)]
# A strict Path accepts no string, but YAML has nothing else.
File = Annotated[
    Path, Field(strict=False), BeforeValidator(_at_home), BeforeValidator(_nameable)
]

# The tags of unions inside a section, which pydantic puts into an error's location.
BRANCHES = {"(share)", "(number)", "(file)", "(word)", "(list)", "(table)"}


def _kind_of_value(value: object) -> str:
    """The tag of the branch that takes a value, by what YAML makes of it."""
    kinds = {"(list)": list | tuple, "(table)": dict, "(number)": int | float}
    named = (tag for tag, kind in kinds.items() if isinstance(value, kind))
    return next(named, "(word)")


def _word_for_number(value: object) -> str:
    """The same, where no branch takes a number."""
    tag = _kind_of_value(value)
    return "(word)" if tag == "(number)" else tag


by_kind = Discriminator(_kind_of_value)
_Word = Annotated[File, Tag("(word)")]
_List = Annotated[list[File], Field(min_length=1), Tag("(list)")]
_Table = Annotated[dict[str, File], Field(min_length=2), Tag("(table)")]
# A path or a pattern, several, or by class the files that hold a text a line.
Files = Annotated[_Word | _List | _Table, Discriminator(_word_for_number)]
ShareOrFiles = Annotated[
    Annotated[Share, Tag("(number)")] | _Word | _List | _Table, by_kind
]

# A column: its name, or its number.
_Name = Annotated[str, Tag("(word)")]
_Number = Annotated[int, Field(ge=1, le=10**6), Tag("(number)")]
Column = Annotated[_Name | _Number, by_kind]
Columns = Annotated[
    _Name
    | _Number
    | Annotated[list[Column], Field(min_length=1, max_length=100), Tag("(list)")],
    by_kind,
]


def _known_encoding(name: str) -> str:
    """Refuse what is no encoding of texts that a file can have."""
    try:
        "".encode(name)
        known = codecs.lookup(name).name
    except (LookupError, ValueError, UnicodeError):
        known = ""
    if known in ("", "idna", "punycode", "undefined") or "escape" in known:
        raise ValueError(f"{name[:40]!r} is no encoding, such as utf-8 or cp1252")
    return name


Encoding = Annotated[str, AfterValidator(_known_encoding)]


class Section(BaseModel):
    """A section of the config: no unknown keys, no changes, no converted values."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


def only_with(
    info: ValidationInfo, choice: str, value: T | None, default: T | None
) -> T | None:
    """Check a key that has an effect only beside a certain value of another key.

    Args:
        info: The argument of the key's field validator.
        choice: `<key>: <value>` of the other key, whose field comes first.
        value: The value of this key; None if it was not given.
        default: The value to use if it was not given and `choice` holds.

    Returns:
        The value or its default if `choice` holds, else None.

    Raises:
        PydanticCustomError: If the key was given, but `choice` does not hold.
    """
    key, wanted = choice.split(": ")
    found = info.data.get(key, wanted)  # absent: it has an error itself
    if found == wanted:
        return default if value is None else value
    if value is not None:
        raise PydanticCustomError(
            "no_effect", f"has no effect with {key}: {found}, needs {choice}"
        )
    return None


def broken_rule(message: str, *keys: str | int) -> PydanticCustomError:
    """Make the error of a broken rule across keys, reported at `keys`."""
    said = {"said": message, "keys": list(keys)}
    return PydanticCustomError("rule", "{said}", said)
