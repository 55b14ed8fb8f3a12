"""JSON files that show whether a byte of them was changed."""

import hashlib
import json
import re

FORMAT = 2  # the first that is sealed
_SEAL = re.compile(rb',\n  "sha256": "([0-9a-f]{64})"\n\}\n\Z')


def seal(content: dict) -> bytes:
    """Return an object as a JSON file that begins with `format`, ends with `sha256`.

    The latter is that of all the text before it. With two keys, none is lost by the
    change of one byte.
    """
    text = json.dumps({"format": FORMAT, **content}, indent=2, allow_nan=True)
    body = text.removesuffix("\n}").encode()
    digest = hashlib.sha256(body).hexdigest()
    return body + f',\n  "sha256": "{digest}"\n}}\n'.encode()


def unseal(raw: bytes) -> dict | list:
    """Return the content of a JSON file, after a check of its seal if it has one.

    Older files, of format 1 or none, have no seal.

    Raises:
        ValueError: If it is not JSON, was changed, or is of a later format.
    """
    try:
        content = json.loads(raw)
    except RecursionError:
        raise ValueError("nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    sealed = _SEAL.search(raw)
    if sealed:
        whole = hashlib.sha256(raw[: sealed.start()]).hexdigest() == sealed[1].decode()
    else:
        whole = not isinstance(content, dict) or content.get("format", 1) == 1
    if not whole:
        raise ValueError("changed after it was written, by its sha256")
    if not isinstance(content, dict):
        return content
    if content.get("format", 1) not in (1, FORMAT):
        raise ValueError(f"its format is {content['format']!r}, {FORMAT} is needed")
    return {key: x for key, x in content.items() if key not in ("format", "sha256")}
