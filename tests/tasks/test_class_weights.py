import numpy as np
import pytest

from seqtrain.data.encoded import Data, Encoded
from seqtrain.data.vocabulary import Vocabulary
from seqtrain.errors import ConfigError
from seqtrain.tasks.class_weights import class_weights


def data_of(targets, labels):
    count = len(targets)
    ones = np.ones(count, np.int64)
    train = Encoded.joined(ones, ones, np.array(targets, np.int32))
    return Data(train, train, None, Vocabulary(["", "[unk]"]), labels, [1], None, {})


def test_balanced_weights_give_all_classes_the_same_total():
    data = data_of([0, 0, 0, 0, 0, 0, 1, 2, 2], ["a", "b", "c"])
    weights = class_weights("balanced", data)
    # Nine examples and three classes: 9 / (3 * count).
    assert weights.tolist() == [0.5, 3.0, 1.5]


def test_no_weights_are_none():
    assert class_weights("none", data_of([0, 1], ["a", "b"])) is None


def test_weights_by_name_stand_in_the_order_of_the_labels():
    data = data_of([0, 1], ["neg", "pos"])
    assert class_weights({"pos": 2.0, "neg": 0.5}, data).tolist() == [0.5, 2.0]


@pytest.mark.parametrize("choice", [{"neg": 1.0}, {"neg": 1.0, "pos": 1.0, "so": 2.0}])
def test_a_weight_for_each_label_is_needed(choice):
    with pytest.raises(ConfigError, match="is needed: neg, pos") as caught:
        class_weights(choice, data_of([0, 1], ["neg", "pos"]))
    assert f"found {', '.join(sorted(choice))}," in str(caught.value)


def test_timesteps_without_a_target_weigh_nothing():
    data = data_of([-1, 0, 0, -1, 0, 1], ["a", "b"])
    assert class_weights("balanced", data).tolist() == [4 / (2 * 3), 4 / (2 * 1)]


def test_balanced_weights_need_an_example_of_every_class():
    with pytest.raises(ConfigError, match="there are none of b"):
        class_weights("balanced", data_of([0, 0, 2], ["a", "b", "c"]))
