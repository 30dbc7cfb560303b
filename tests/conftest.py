"""What all tests share: nothing is asserted of how fast a machine is, and what is loaded is looked through once."""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from tests.scratch import SHORT

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


S3_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testsecret"}  # without any the client asks a cloud


def pytest_configure(config: pytest.Config) -> None:
    for name, value in S3_KEYS.items():
        os.environ.setdefault(name, value)
    if "not prove" in config.option.markexpr:
        os.environ[SHORT] = "yes"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Ten thousand tests and all that they import stay to the end: a search for garbage finds none among them, and each
    takes longer than the one before. They are set aside; what a test leaves behind is found as ever."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
