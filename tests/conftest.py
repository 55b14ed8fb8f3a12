"""Fixtures that every test may use."""

import signal

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("seqtrain", deadline=None)  # a loaded machine is slow
settings.load_profile("seqtrain")


@pytest.fixture(autouse=True, scope="session")
def signals():
    """Signals act also where the tests run under `nohup` or in the background."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    for number, handler in usual.items():
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def seeded():
    """Keras's own draws (initial weights, dropout) are the same in every run."""
    import keras  # two seconds that tests without a model need not pay

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def own_cache(tmp_path_factory):
    """The tests of a module keep their encoded data apart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEQTRAIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
