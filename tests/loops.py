"""The event loops that doors are tested on: the one that the program runs on, and by test-all asyncio's own."""

import asyncio

import pytest
import uvloop

LOOPS = [
    pytest.param(asyncio.DefaultEventLoopPolicy, id="asyncio", marks=pytest.mark.slow),
    pytest.param(uvloop.EventLoopPolicy, id="uvloop"),
]
