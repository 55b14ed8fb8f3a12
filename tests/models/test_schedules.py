import math

import keras
import numpy as np
import pytest

from seqtrain.models.schedules import Schedule

RATE, STEPS, WARMUP, EVERY, FACTOR = 0.3, 20, 4, 6, 0.5


def constant(step, warmup):
    return RATE


def cosine(step, warmup):
    return RATE * (1 + math.cos(math.pi * (step - warmup) / (STEPS - warmup))) / 2


def linear(step, warmup):
    return RATE * (STEPS - step) / (STEPS - warmup)


def stairs(step, warmup):
    falls = len(range(EVERY, step + 1, EVERY))
    return RATE * FACTOR**falls


FORMULAS = {"constant": constant, "cosine": cosine, "linear": linear, "step": stairs}
every_kind = pytest.mark.parametrize("kind", FORMULAS)


def make_schedule(kind, warmup_steps=0):
    stairs = {"every": EVERY, "factor": FACTOR} if kind == "step" else {}
    return Schedule(kind, RATE, steps=STEPS, warmup_steps=warmup_steps, **stairs)


@pytest.mark.parametrize("warmup", [0, WARMUP])
@every_kind
def test_rate_of_each_step_is_that_of_the_formula(kind, warmup):
    schedule = make_schedule(kind, warmup)

    rates = [float(schedule(step)) for step in range(STEPS)]

    rising = [RATE * (step + 1) / warmup for step in range(warmup)]
    after = [FORMULAS[kind](step, warmup) for step in range(warmup, STEPS)]
    np.testing.assert_allclose(rates, rising + after, rtol=1e-5)


@every_kind
def test_rate_is_never_negative_nor_rises_again_after_the_last_step(kind):
    schedule = make_schedule(kind, WARMUP)
    last, after, later = (float(schedule(STEPS + n)) for n in (-1, 0, 7))
    assert 0 <= later <= after <= last


def test_warmup_as_long_as_the_training_rises_to_the_end():
    schedule = Schedule("cosine", RATE, steps=4, warmup_steps=4)
    rates = [float(schedule(step)) for step in range(4)]
    np.testing.assert_allclose(rates, RATE * np.arange(1, 5) / 4, rtol=1e-6)


@every_kind
def test_schedule_survives_being_saved_with_an_optimizer(kind):
    optimizer = keras.optimizers.SGD(make_schedule(kind, WARMUP))
    config = keras.saving.serialize_keras_object(optimizer)
    restored = keras.saving.deserialize_keras_object(config)
    for step in (0, WARMUP, STEPS - 1):
        restored.iterations.assign(step)
        optimizer.iterations.assign(step)
        assert float(restored.learning_rate) == float(optimizer.learning_rate)
