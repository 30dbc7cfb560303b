"""How toy devices that poll speak: they ask `next` and post `state`, each time with a token made of their secret and
the path."""

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from upwell.dialects.rest import RestRequest
from upwell.domain.errors import DeviceError
from upwell.domain.talk import DEFAULT_MODULE, BlockRequest, OfferRequest, ProgressReport, Report, VersionReport
from upwell.doors.devices.faces import Answer, Block, Claim, Linked, Names, NoBlock, Said, Why
from upwell.service.upgrade.dispatch import Addressed

STATUSES: Mapping[Why, int] = {"malformed": 400, "refused": 401, "unavailable": 503}


class ToyFace:
    """An `HttpFace`."""

    name = "toy"
    asks = False
    payload_size_max = 4096
    paths = ("/toy/device/{product}/{name}/{verb}",)

    def claim(self, request: RestRequest) -> Claim:
        """The names are in the path, the token in a header."""
        product, name, _ = _words(request)
        token = request.headers.get("toy-token", "")

        def proves(secret: str, password: bytes, now: datetime) -> bool:
            return hmac.compare_digest(sha256(f"{secret}:{request.path}".encode()).hexdigest(), token)

        return Claim(product, name, proves)

    def read(self, linked: Linked, request: RestRequest) -> Sequence[Said]:
        """An ask, or a report."""
        _, _, verb = _words(request)
        if (request.method, verb) == ("GET", "next"):
            return [Said(linked.names, OfferRequest(module=None, ref="", manner="next"))]
        if (request.method, verb) != ("POST", "state"):
            raise DeviceError("There is nothing of this name.")
        return [Said(linked.names, read_state(request.body))]

    def answer(self, linked: Linked, names: Names, request: OfferRequest, addressed: Addressed | None) -> Answer:
        """What to install, or nothing."""
        return _json({"install": None if addressed is None else offered(addressed)})

    def block(self, linked: Linked, names: Names, request: BlockRequest, found: Block | NoBlock) -> None:
        """Toys download whole files."""

    def done(self, linked: Linked, request: RestRequest) -> Answer:
        """It was taken."""
        return _json({"taken": True})

    def refuse(self, why: Why, problem: str) -> Answer:
        """With a status of HTTP."""
        return _json({"problem": problem}, STATUSES[why])


def _words(request: RestRequest) -> tuple[str, str, str]:
    product, name, verb = request.path.split("/")[3:6]
    return product, name, verb


def read_state(body: bytes) -> Report:
    """What a toy says of itself. Raises DeviceError."""
    try:
        return _report(json.loads(body))
    except (ValueError, KeyError, TypeError) as exc:
        raise DeviceError("The state can't be read.") from exc


def offered(addressed: Addressed) -> dict[str, Any]:
    """What a toy is told to install."""
    offer = addressed.offered
    return {"version": offer.version, "url": offer.url, "size": offer.size, "sha256": offer.sha256}


def _report(said: Mapping[str, Any]) -> Report:
    if "running" in said:
        return VersionReport(module=DEFAULT_MODULE, version=str(said["running"]), ref="")
    step = -1 if "failed" in said else int(said["percent"])
    return ProgressReport(module=DEFAULT_MODULE, step=step, desc=str(said.get("failed", "")), ref="")


def _json(members: Mapping[str, Any], status: int = 200) -> Answer:
    return Answer(json.dumps(members).encode(), status)
