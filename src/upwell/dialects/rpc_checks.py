"""What both RPC vendors say of parameters: pages, checks and words, which of them come together, and how they name a
device.

Each takes the read parameters of an operation by wire name, and raises Missing or Invalid.
"""

from collections.abc import Iterable, Mapping, Sequence

from upwell.dialects.checks import Length, Pattern, Range, Width
from upwell.dialects.operations import Param, Values, checked
from upwell.domain.commands import OPEN_STATES, DeviceKey
from upwell.domain.commands.lists import Slice
from upwell.domain.errors import Invalid, Missing
from upwell.domain.letters import LETTERS

UNCONFIRMED = "CancelUnconfirmedTask"
OPEN_OF_DEVICE = Slice(take=1000)  # open tasks of one device; there is one for each module at the most

# alibaba 2.2, tuya 7.9: decimals are accepted, though Tuya's seed writes integers.
GRAY_PERCENT = Pattern(
    r"(?=.*[1-9])(100(\.0{1,3})?|[0-9]{1,2}(\.[0-9]{1,3})?)",
    "a percentage over 0 and at most 100 with at most 3 decimals",
)

# alibaba 3.1: the page of the operation names letters, digits and _, the console's page the others too.
PRODUCT_NAME = Width(4, 30, r"[\w\-@()]", "letters, digits or _ - @ ( )")
KEY_HEAD, KEY_SIZE = "a1", 11  # alibaba 1.6: how a ProductKey begins, and its characters
GROUP_NAME = Width(4, 30, r"\w", "letters, digits or _")  # alibaba 3.4
NICKNAME = Length(4, 64, chinese_is_two=True)  # alibaba 3.2
# alibaba 2.6, tuya 2.5: Chinese letters are named; Japanese ones are a package's too.
ALIAS = Pattern(rf"[{LETTERS}0-9._\-]{{1,64}}", "1-64 English, Chinese or Japanese letters, digits or . - _")

VERSION = Pattern(r"[A-Za-z0-9.\-_]{1,64}", "1-64 letters, digits or . - _")  # alibaba 2.2, tuya 2.4; of modules too
DEVICE_NAME = Pattern(r"[A-Za-z0-9\-_@.:]{4,32}", "4-32 letters, digits or - _ @ . :")
# alibaba 2.1, tuya 2.4, 2.9. The last two are the overview pages' alone; what any page of a vendor accepts is accepted.
SUFFIXES = ("bin", "dav", "apk", "tar", "gz", "tar.gz", "zip", "gzip", "tar.xz", "pack")

# alibaba 2.1, 3.2; Tuya's are the same.
DEVICE_STATUS = {"ONLINE": "ONLINE", "OFFLINE": "OFFLINE", "UNACTIVE": "UNACTIVE", "DISABLED": "DISABLE"}
PACKAGE_STATUS = {"exempt": -1, "unverified": 0, "verified": 1, "verifying": 2, "failed": 3}
TASK_STATES = ("CONFIRM", "QUEUED", "NOTIFIED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "CANCELED")
OPEN_TASKS = TASK_STATES[:4]

PRODUCT_KEY = Param("ProductKey", required=True)
DEVICE_KEY = (Param("IotId"), Param("ProductKey"), Param("DeviceName"))
FROM_ONE = Range(1, 2**31 - 1)  # alibaba 2.2: pages start at 1
PAGE = Param("CurrentPage", "int", check=FROM_ONE, default=1)

SIGN_METHODS = ("MD5", "SHA256")
HEX_DIGITS = {"MD5": 32, "SHA256": 64}  # of a digest by its SignMethod


def page_params(size_max: int) -> tuple[Param, Param]:
    """CurrentPage and PageSize of an operation that requires both."""
    return (
        Param("CurrentPage", "int", required=True, check=FROM_ONE),
        Param("PageSize", "int", required=True, check=Range(1, size_max)),
    )


def page_size(size_max: int) -> Param:
    """PageSize of an operation that takes 10 when it is absent."""
    return Param("PageSize", "int", check=Range(1, size_max), default=10)


def asked(given: Values) -> Slice:
    """The slice that CurrentPage and PageSize ask for."""
    return Slice.of_page(given["CurrentPage"], given["PageSize"])


def digest(name: str, method: str, value: str | None) -> str | None:
    """A digest of the kind that SignMethod says, in lower case. Raises Invalid naming the parameter."""
    if value is None:
        return None
    digits = HEX_DIGITS[method]
    check = Pattern(rf"[0-9A-Fa-f]{{{digits}}}", f"{digits} hexadecimal digits because SignMethod is {method}")
    return str(checked(Param(name, check=check), value, name)).lower()


def device_key(given: Values, where: str = "") -> DeviceKey:
    """IotId, or ProductKey and DeviceName; IotId wins (alibaba 3, tuya 2.7). Raises Missing for what lacks first, its
    name after `where`."""
    if given["IotId"]:
        return DeviceKey(iot_id=given["IotId"])
    if not given["ProductKey"] and not given["DeviceName"]:
        raise Missing(f"{where}IotId", f"{where}ProductKey and {where}DeviceName are absent")
    for name, other in (("ProductKey", "DeviceName"), ("DeviceName", "ProductKey")):
        if not given[name]:
            raise Missing(where + name, f"{where}{other} is given and {where}IotId is absent")
    return DeviceKey(product_key=given["ProductKey"], name=given["DeviceName"])


def check_targets(
    given: Values, theirs: Mapping[str, Sequence[str]], beside: Mapping[str, Sequence[str]] | None = None
) -> None:
    """alibaba 2.4, tuya 2.2: each TargetSelection needs one of `theirs`, may have what is `beside` them, and refuses
    those of the others."""
    selection = given["TargetSelection"]
    for wanted, those in theirs.items():
        if selection == wanted and not any(given[name] for name in those):
            raise Missing(those[0], f"TargetSelection is {wanted}{_others_absent(those)}")
        for name in (*those, *(beside or {}).get(wanted, ())):
            if selection != wanted and given[name]:
                raise Invalid(name, f"only with TargetSelection {wanted}", f"TargetSelection is {selection}")


def _others_absent(those: Sequence[str]) -> str:
    return f" and {' and '.join(those[1:])} is absent" if those[1:] else ""


def check_retry(given: Values) -> None:
    """alibaba 2.4, tuya 2.2: RetryCount comes with RetryInterval."""
    interval, count = given["RetryInterval"], given["RetryCount"]
    if interval is not None and count is None:
        raise Missing("RetryCount", "RetryInterval is given")
    if interval is None and count is not None:
        raise Invalid("RetryCount", "only with RetryInterval", "RetryInterval is absent")


def asked_states(given: Values) -> frozenset[str]:
    """The open states that TaskStatus and TaskStatusList ask for; all of them when neither is given."""
    asked = frozenset(given["TaskStatusList"]) | ({given["TaskStatus"]} if given["TaskStatus"] else frozenset())
    return asked or OPEN_STATES


def cancelled_states(given: Values, flags: Mapping[str, str]) -> frozenset[str]:
    """The states whose flag is true. alibaba 2.5: CancelQueuedTask covers CONFIRM unless that is said apart."""
    unconfirmed = given[UNCONFIRMED]
    if unconfirmed is None:
        unconfirmed = given["CancelQueuedTask"]
    chosen = frozenset(state for name, state in flags.items() if given[name])
    return chosen | {"CONFIRM"} if unconfirmed else chosen


def nothing_cancelled(flags: Iterable[str]) -> Invalid:
    """The refusal of a cancel that asks for nothing (alibaba 2.5)."""
    every = ", ".join((*flags, UNCONFIRMED))
    return Invalid("CancelQueuedTask", f"at least one of {every} is true", "none is")
