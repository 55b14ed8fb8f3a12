import io
import zipfile

import numpy as np
import pytest

from seqtrain.system.arrays import read_arrays

ARRAYS = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array(7),
    "c": np.asfortranarray(np.ones((2, 2))),
    "d": np.array(["ü", "x"]),
    "e": np.zeros((0, 3)),
}


def npz(save=np.savez, **arrays):
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_bit_for_bit(save):
    found = read_arrays(npz(save, **ARRAYS))
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        assert found[name].tobytes() == array.tobytes()


def member(content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.npy", content)
    return stream.getvalue()


def header(**facts):
    stream = io.BytesIO()
    facts = {"shape": (2**40,), "fortran_order": False, "descr": "<f4"} | facts
    np.lib.format.write_array_header_1_0(stream, facts)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "not a whole zip file"),
        (npz(**ARRAYS)[:-30], "not a whole zip file"),
        (member(b"x"), "magic"),
        (member(header() + b"1234"), "another number of bytes"),
        (member(header(shape=(1,)) + b"12345"), "another number of bytes"),
        (member(header(shape=(-1, -1)) + b"1234"), "another number of bytes"),
        (npz(a=np.array([print], object)), "an array of objects"),
        (npz(np.savez_compressed, a=np.zeros(2**24)), "would unpack to 134,217,"),
    ],
)
def test_what_is_not_as_it_says_is_refused(raw, problem):
    with pytest.raises(ValueError, match=problem):
        read_arrays(raw)


def test_a_changed_byte_is_refused_or_harmless(rng):
    raw = npz(**ARRAYS)
    refused = 0
    for _ in range(300):
        changed = bytearray(raw)
        changed[rng.integers(len(raw))] ^= 1 << rng.integers(8)
        try:
            found = read_arrays(bytes(changed))
        except ValueError:
            refused += 1
        else:
            assert [a.tobytes() for a in found.values()] == [
                a.tobytes() for a in ARRAYS.values()
            ]
    assert refused > 200
