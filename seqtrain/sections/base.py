"""What every section of a config is made of: closed models, and types with a range.

Every range stands in a type, every rule across keys is one short check. A key that has
no effect beside another choice is refused; `null` undoes one that a base gave.
"""

import os
import struct
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)
from pydantic_core import PydanticCustomError


def in_32_bits(value: float) -> float:
    """Refuse a number that float32, in which all is computed, takes for another."""
    [rounded] = struct.unpack("f", struct.pack("f", value))
    if abs(rounded) < 2**-126:  # XLA makes 0 of what is smaller
        rounded = 0.0
    if rounded in (0.0, 1.0) and rounded != value:
        raise ValueError(f"{value!r} is {rounded:.0f} in 32 bits")
    return value


def _in_65536ths(rate: float) -> float:
    """Refuse a dropout that drops nothing or everything: it is exact to 2^-16."""
    if rate and round(rate * 2**16) in (0, 2**16):
        raise ValueError(
            f"{rate!r} drops nothing or all, 0 or 1e-5 to 0.9999 is needed"
        )
    return rate


def _nameable(path: Any) -> Any:
    """Refuse a text that can't be the name of a file."""
    if not isinstance(path, str):
        return path
    try:
        parts = os.fsencode(path).split(b"/")
    except UnicodeEncodeError:  # half a surrogate pair
        parts = [b""]
    longest = max(map(len, parts))
    if not path or b"\0" in b"".join(parts) or longest > 255 or len(path) > 4000:
        raise ValueError(f"{path[:40]!r} can't be the name of a file")
    return path


# The bounds keep out what would break much later and less clearly. 2^31 - 1 is what
# an int32 holds, as token ids, labels and shapes are.
INT32 = 2**31 - 1
Count = Annotated[int, Field(ge=1, le=INT32)]
NonNegative = Annotated[int, Field(ge=0, le=INT32)]
# A recurrent kernel of 4 * units² numbers must be counted in 32 bits.
Width = Annotated[int, Field(ge=1, le=2**14)]
# A batch is padded to it in memory; ten long novels.
LONGEST = 10**6
Length = Annotated[int, Field(ge=1, le=LONGEST)]
# float32 ends at 3e38.
Positive = Annotated[float, Field(gt=0, le=1e38), AfterValidator(in_32_bits)]
Share = Annotated[float, Field(gt=0, lt=1), AfterValidator(in_32_bits)]
Rate = Annotated[float, Field(ge=0, lt=1), AfterValidator(_in_65536ths)]
# A strict Path takes no string, and YAML has nothing else.
File = Annotated[Path, Field(strict=False), BeforeValidator(_nameable)]

# How pydantic names the branches of unions in a section where it says what is wrong.
BRANCHES = {"(share)", "(file)", "(word)", "(table)"}


class Section(BaseModel):
    """A block of the config: closed, unchangeable, its values taken as they are."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False
    )


def only_with(info: ValidationInfo, choice: str, value: Any, default: Any) -> Any:
    """Return a key's value, or its default, where `choice` holds; refuse it elsewhere.

    Args:
        info: Of the field validator.
        choice: `<key>: <value>`, of a key that stands before this one.
        value: The key's value; None stands for "not given".
        default: What "not given" means where `choice` holds.
    """
    key, wanted = choice.split(": ")
    found = info.data.get(key, wanted)  # absent: has a problem of its own
    if found == wanted:
        return default if value is None else value
    if value is not None:
        raise PydanticCustomError(
            "no_effect", f"has no effect with {key}: {found}, needs {choice}"
        )
    return None


def broken_rule(message: str, *keys: str | int) -> PydanticCustomError:
    """A rule across keys that does not hold, told at `keys` below the section."""
    said = {"said": message, "keys": list(keys)}
    return PydanticCustomError("rule", "{said}", said)
