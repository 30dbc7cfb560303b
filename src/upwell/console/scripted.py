"""What scripts of pages ask: some operations of `/v1`, as they are there, by the session of whoever is signed in.

A form can't send a file part by part, nor look what a condition means while it is typed. Holds: what is in no row of
SCRIPTED no script of ours may ask; a request that may change something shows the word of its session in a header, which
no page of anybody else can send; it is read, limited and written down as the same at `/v1`, and answered as there.
"""

from upwell.console.headers import ROOT
from upwell.dialects.rest import RestRequest, Route
from upwell.dialects.upwell import management
from upwell.dialects.upwell.rows import Row
from upwell.domain.commands import Command, Result
from upwell.domain.errors import CallerError, NotFound
from upwell.doors.management.tongue import Answer, Asked, Promise
from upwell.doors.management.upwell import Upwell, promise

BELOW = f"{ROOT}/v1/"
SCRIPTED = frozenset({
    "create_upload", "show_upload", "put_upload_part", "complete_upload", "delete_upload", "create_package",
    "create_import", "list_import_devices", "list_devices", "add_to_group", "set_device_tags", "delete_device_tag",
    "update_device", "release_device", "delete_device",
})  # fmt: skip
_V1 = Upwell()


def is_scripted(path: str) -> bool:
    """Whether a request is one of these."""
    return path.startswith(BELOW)


def route(method: str, path: str) -> Route[Row]:
    """The operation that is asked for. Raises NotFound, WrongMethod."""
    found = management.route(method, path.removeprefix(ROOT))
    if found.name not in SCRIPTED:
        raise NotFound("action", path[:128])
    return found


def streams(method: str, path: str) -> bool:
    """Whether a request has a body that is taken as it comes, and never kept."""
    if not is_scripted(path):
        return False
    try:
        return bool(route(method, path).operation.takes)
    except CallerError:
        return False


def command(found: Route[Row], request: RestRequest) -> Command:
    """What is asked for. Raises Missing, Invalid, NotFound."""
    return management.command(found, request.query, request.body, request.headers)


def promised(request: RestRequest, found: Route[Row], session: str) -> Promise | None:
    """That a request with a key is done once, however often it comes. Raises Invalid."""
    return promise(request, found, session)


def answer(asked: Asked[RestRequest], result: Result) -> Answer:
    """As `/v1` answers, and kept by no browser."""
    return _private(_V1.answer(asked, result))


def refuse(asked: Asked[RestRequest], error: Exception) -> Answer:
    """As a problem, as `/v1` tells it."""
    return _private(_V1.refuse(asked, error))


def _private(told: Answer) -> Answer:
    headers = {**told.headers, "cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Answer(told.status, told.body, headers, told.code, told.end)
