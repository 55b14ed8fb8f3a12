import json

import pytest

from seqtrain.system.sealed import FORMAT, seal, unseal

CONTENT = {"status": "finished", "best": {"loss": 0.1 + 0.2, "name": "ü"}, "n": [1, 2]}


def test_what_was_sealed_comes_back():
    raw = seal(CONTENT)
    assert unseal(raw) == CONTENT
    assert json.loads(raw).keys() == {"format", *CONTENT, "sha256"}
    assert unseal(seal({})) == {}


def test_no_change_of_one_byte_passes():
    raw = seal(CONTENT)
    for place in range(len(raw)):
        for bit in range(8):
            changed = bytearray(raw)
            changed[place] ^= 1 << bit
            with pytest.raises(ValueError):
                unseal(bytes(changed))


def test_no_lost_byte_passes():
    raw = seal(CONTENT)
    for place in range(len(raw)):
        with pytest.raises(ValueError):
            unseal(raw[:place] + raw[place + 1 :])
        with pytest.raises(ValueError):
            unseal(raw[:place])


def test_older_files_have_no_seal():
    assert unseal(b'{"format": 1, "step": 3}') == {"step": 3}
    assert unseal(b'{"step": 3}') == {"step": 3}
    assert unseal(b'["a", "b"]') == ["a", "b"]


def test_a_later_format_is_told():
    with pytest.raises(ValueError, match=f"format is 3, {FORMAT} is needed"):
        unseal(seal({"format": 3}))


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 10**5, b"9" * 10**5])
def test_what_is_no_json_is_told(raw):
    with pytest.raises(ValueError):
        unseal(raw)
