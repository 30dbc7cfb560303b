"""Huawei's management API, version 5 (huawei 2-4): every operation, and where a request line leads. Bytes, signatures
and HTTP are elsewhere.
"""

from upwell.dialects import rest
from upwell.dialects.huawei import (
    app_ops,
    device_ops,
    group_ops,
    hook_ops,
    job_ops,
    module_ops,
    package_ops,
    product_ops,
    tag_ops,
)
from upwell.dialects.operations import Operation
from upwell.dialects.rest import Route, ids_of

ROOT = "/v5/iot/{project_id}"
UPLOAD_PATH = "/batchtask-files"  # POST of a form there is the door's (huawei 3.10)

OPERATIONS: dict[str, Operation] = {
    **package_ops.OPERATIONS,
    **module_ops.OPERATIONS,
    **job_ops.OPERATIONS,
    **app_ops.OPERATIONS,
    **product_ops.OPERATIONS,
    **device_ops.OPERATIONS,
    **group_ops.OPERATIONS,
    **tag_ops.OPERATIONS,
    **hook_ops.OPERATIONS,
}


def route(method: str, path: str) -> Route[Operation]:
    """Where a method and a path lead; the project is the id `project_id`. Raises NotFound("action")."""
    return rest.route(OPERATIONS, ROOT, method, path)


def upload_project(method: str, path: str) -> str | None:
    """The project of a request that uploads a file of targets; None for any other request."""
    found = ids_of(ROOT + UPLOAD_PATH, path.removesuffix("/").split("/")[1:]) if method == "POST" else None
    return None if found is None else found["project_id"]
