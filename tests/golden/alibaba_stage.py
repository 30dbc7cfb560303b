"""The stage of Alibaba's golden answers."""

from functools import partial

from tests.golden.rpc_stage import AlibabaVoice, opened

open_stage = partial(opened, "alibaba", AlibabaVoice)
