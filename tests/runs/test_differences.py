from seqtrain.runs.differences import differences


def test_differences_name_each_leaf_once():
    before = {"a": {"b": [1, {"c": 2}], "d": None}, "e": "x"}
    now = {"a": {"b": [1, {"c": 3}, 4], "d": 0}, "e": "x"}
    assert differences(before, now) == {
        "a.b[1].c": [2, 3],
        "a.b[2]": [None, 4],
        "a.d": [None, 0],
    }
