"""The tongues that owners may speak, a row each, and the paths that all of them together answer."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from upwell.dialects.upwell import management
from upwell.doors.management.alibaba import Alibaba
from upwell.doors.management.huawei import Huawei
from upwell.doors.management.rest import RestDoor
from upwell.doors.management.rpc import RpcDoor, everything
from upwell.doors.management.tongue import House, Tongue
from upwell.doors.management.tuya import Tuya
from upwell.doors.management.tuya_openapi import OpenApi
from upwell.doors.management.uploads import streams_to_store
from upwell.doors.management.upwell import Upwell

# At `/` the first counts where no tongue knows a request for its own.
TONGUES = (
    Tongue(dialect="alibaba", rpc=lambda _: Alibaba()),
    Tongue(
        dialect="tuya",
        rpc=lambda of: Tuya(bare_secret=of.tuya_bare_secret, wrapped_lists=of.tuya_wrapped_lists),
        beside=lambda house: OpenApi(house=house).routes(),
    ),
    Tongue(dialect="huawei", rest=lambda _: Huawei()),
    Tongue(dialect="upwell", rest=lambda _: Upwell(), by_token=True, streams=management.streams),
)


def routes(
    tongues: Sequence[Tongue], house: House, settings: Any, forms: Callable[[Request], Awaitable[Response]]
) -> list[BaseRoute]:
    """The paths of these tongues, whose speakers are made of the settings; `forms` takes uploads at `/`."""
    rpc = {row.dialect: row.rpc(settings) for row in tongues if row.rpc}
    rest = {row.dialect: row.rest(settings) for row in tongues if row.rest}
    streams = {row.dialect: row.streams for row in tongues}
    found: list[BaseRoute] = [everything(RpcDoor(house=house, tongues=rpc, forms=forms))] if rpc else []
    for dialect, speaker in rest.items():
        door = RestDoor(house=house, dialect=dialect, tongue=speaker, streams=streams[dialect])
        found += [*speaker.routes(house), *door.everything()]
    return [*found, *(route for row in tongues for route in row.beside(house))]


def passes(tongues: Sequence[Tongue], scope: Scope) -> bool:
    """Whether the body of a request is never kept, but taken as it comes."""
    if streams_to_store(scope):
        return True
    path = scope["raw_path"].decode("latin-1")
    return any(row.streams(scope["method"], path) for row in tongues)
