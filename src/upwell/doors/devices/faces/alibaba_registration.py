"""Dynamic registration over HTTP: `POST /auth/register/device` of the management address (alibaba 6.1).

The vendor's devices read `code` in the body and fail on any HTTP status but 200, so every answer has that. A refusal
does not tell an unknown product, a wrong sign and a device that may not know its secret apart.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from upwell.dialects.alibaba import login
from upwell.dialects.rpc import octets
from upwell.domain.errors import DeviceError, ServerError
from upwell.doors.devices.bodies import body_of
from upwell.doors.requests import peer_of
from upwell.service.journal import tell

log = logging.getLogger(__name__)
PATH = "/auth/register/device"
BODY_MAX = 4096  # bytes; a real form has about 250
NOBODY = "no such product"  # a secret to check against, so that unknown products take as long as known ones
BAD_REQUEST, REFUSED, UNAVAILABLE = 460, 401, 500

ProductSecret = Callable[[str], Awaitable[str | None]]
Enrol = Callable[[str, str, bool], Awaitable[str | None]]  # product key, name, creates -> the device's secret


def route(product_secret: ProductSecret, enrol: Enrol) -> Route:
    """Where devices register."""
    return Route(PATH, Registration(product_secret, enrol).__call__, methods=["POST"])


@dataclass(frozen=True, slots=True)
class Registration:
    """Answers registrations."""

    product_secret: ProductSecret
    enrol: Enrol

    async def __call__(self, request: Request) -> Response:
        """One registration; never raises."""
        form: dict[str, str] = {}
        peer = peer_of(request)
        try:
            form = await _form(request)
            claim = login.registration(
                form.get("productKey", ""), form.get("deviceName", ""), form.get("random", ""),
                form.get("signMethod", ""), "register",
            )  # fmt: skip
            secret = await self._granted(claim, form.get("sign", ""))
        except ClientDisconnect:
            return Response(status_code=400)
        except DeviceError as exc:
            return _refused(BAD_REQUEST, exc.problem, form, peer)
        except ServerError:
            return _refused(UNAVAILABLE, "The registration can't be done now; try again.", form, peer)
        if secret is None:
            return _refused(REFUSED, "The sign is wrong, or the device may not register.", form, peer)
        data = {"productKey": claim.product_key, "deviceName": claim.device_name, "deviceSecret": secret}
        return JSONResponse({"code": 200, "data": data, "message": "success"})

    async def _granted(self, claim: login.LoginClaim, sign: str) -> str | None:
        secret = await self.product_secret(claim.product_key)
        proven = login.verify(claim, NOBODY if secret is None else secret, octets(sign))
        if secret is None or not proven:
            return None
        return await self.enrol(claim.product_key, claim.device_name, False)


async def _form(request: Request) -> dict[str, str]:
    body = await body_of(request, BODY_MAX, "form")
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20))
    except ValueError as exc:
        raise DeviceError("The body is not a form.") from exc


def _refused(code: int, text: str, form: Mapping[str, str], peer: str) -> Response:
    device = f"{form.get('productKey', '')}/{form.get('deviceName', '')}"
    tell(log, "device registration refused", who=device, code=code, reason=text, peer=peer)
    return JSONResponse({"code": code, "message": text})
