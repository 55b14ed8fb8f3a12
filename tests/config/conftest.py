"""A config written to a file, and what is said about it."""

import pytest

from seqtrain.config import load_config
from seqtrain.errors import ConfigError


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load the text of a config as `c.yaml`, with overrides."""
    monkeypatch.chdir(tmp_path)

    def load(text, *overrides):
        data = text if isinstance(text, bytes) else text.encode()
        (tmp_path / "c.yaml").write_bytes(data)
        return load_config("c.yaml", overrides)

    return load


@pytest.fixture
def complaint(load):
    """What is said about the text of a config, with overrides."""

    def complaint(text, *overrides):
        with pytest.raises(ConfigError) as caught:
            load(text, *overrides)
        return str(caught.value)

    return complaint
