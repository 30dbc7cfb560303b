"""What a bad value of each parameter is called (tuya 1.5), and which parameter a field of the core is."""

from upwell.dialects.rpc_codes import GENERAL, OVER_MAXIMUM

PAGES = "iot.common.InvalidPageParams"

# Fields of the core's commands that the core itself finds wrong -> parameters.
_WIRE_NAMES = {
    "apply_id": "ApplyId",
    "device_names": "TargetDeviceName",
    "gray_percent": "GrayPercent",
    "group_id": "GroupId",
    "md5": "FirmwareSign",
    "module": "ModuleName",
    "product_key": "ProductKey",
    "sha256": "FirmwareSign",
    "size": "FirmwareSize",
    "source_version": "SrcVersion",
    "source_versions": "SrcVersion",
    "suffix": "FileSuffix",
    "note": "Udi",
    "url": "FirmwareUrl",
    "version": "DestVersion",
}


def wire_name(field: str, action: str) -> str:
    """The parameter that a field of the core is; a parameter's own name stays."""
    return _WIRE_NAMES.get(field, field)


def repeated(name: str) -> str:
    """The code of a list with a value twice."""
    return GENERAL


def too_many_values(name: str) -> str:
    """The code of a list that is too long."""
    return OVER_MAXIMUM


def invalid(name: str, check: str, action: str) -> str:
    """The code of a value that fails any other check."""
    return PAGES if name in ("CurrentPage", "PageSize") else GENERAL
