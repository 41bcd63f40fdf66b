"""What every test starts from: a quiet TensorFlow, one Keras, and the same generated examples on each run."""

import os

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # else whichever test imports tensorflow_transform first decides

settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")

_LONGEST = ("test_readme.py", "test_whole_run.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the longest files first, so that no process is left alone with them at the end."""
    items.sort(key=lambda item: item.path.name not in _LONGEST)
