import pytest

from seqtrain.runs.shape import misfit

SHAPE = {
    "step": int,
    "best?": (None, {str: float}),
    "kills?": [{"at": int}],
    "x?": dict,
}


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({"step": 1, "best": None, "kills": [], "more": {}}, None),
        ({"step": 1, "best": {"loss": 1}, "kills": [{"at": 2}], "x": {}}, None),
        ([], "it is [], an object is needed"),
        ({}, "it has no step"),
        ({"step": True}, "step is True, a whole number is needed"),
        ({"step": 1.0}, "step is 1.0, a whole number is needed"),
        ({"step": 1, "best": {"loss": "x"}}, "best.loss is 'x', a number is needed"),
        ({"step": 1, "kills": [{"at": 1}, {}]}, "it has no kills[1].at"),
        ({"step": 1, "kills": {}}, "kills is {}, a list is needed"),
        ({"step": "s" * 99}, f"step is '{'s' * 39}…, a whole number is needed"),
    ],
)
def test_the_first_misfit_is_named(value, problem):
    assert misfit(value, SHAPE) == problem
