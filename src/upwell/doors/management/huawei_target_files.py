"""The upload of a list of batch targets: `POST /v5/iot/{project_id}/batchtask-files`, a form with one part `file`
(huawei 3.10)."""

from collections.abc import AsyncGenerator

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from upwell.dialects.rest import RestRequest
from upwell.domain.errors import Invalid, Missing

FORM = "multipart/form-data"
PART = "file"
PARTS_MAX = 10
FRAME_SIZE_MAX = 64 * 1024  # bytes of a form beside its file


async def read_form(request: RestRequest) -> tuple[str, bytes]:
    """Name and bytes of the file in a form. Raises Invalid, Missing."""
    kind = request.headers.get("content-type", "")
    if not kind.lower().startswith(FORM):
        raise Invalid("body", f"a form of the type {FORM}")
    parser = MultiPartParser(
        Headers({"content-type": kind}), _whole(request.body), max_files=PARTS_MAX, max_fields=PARTS_MAX
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as exc:
        raise Invalid("body", f"a form of the type {FORM}", str(exc)) from exc
    try:
        files = [part for name, part in form.multi_items() if name == PART and isinstance(part, UploadFile)]
        if not files:
            raise Missing(PART)
        if len(files) > 1:
            raise Invalid(PART, "one part of this name", f"there are {len(files)}")
        return files[0].filename or "", await files[0].read()
    finally:
        await form.close()


async def _whole(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body
