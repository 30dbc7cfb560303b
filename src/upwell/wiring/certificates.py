"""The certificates of one server: the management listeners' and the devices', looked at again while it runs."""

import asyncio
import logging
from datetime import datetime
from pathlib import Path

from upwell.config import Settings
from upwell.config.sources import SettingError
from upwell.domain.errors import Invalid
from upwell.doors.tls import Certificates, Pair

LOOK_PAUSE_S = 20.0  # changed files are shown within a minute, those that were caught half-written too
log = logging.getLogger(__name__)


class ServerCertificates:
    """Certificates by whom they are for; None where there is no listener with TLS."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingError for files that can't be used, whether a listener shows them now or not."""
        own = _pair(settings, "tls_cert", settings.tls_cert, settings.tls_key)
        second = _pair(settings, "device_tls_cert", settings.device_tls_cert, settings.device_tls_key)
        for_devices = settings.mqtts or settings.mqtt_wss or settings.downloads
        self.management = Certificates(own, "modern") if settings.https else None
        self.devices = Certificates([*own, *second], settings.device_tls) if for_devices else None
        why = self.devices.without_rsa_key_exchange() if self.devices and settings.device_tls == "compatible" else ""
        if why:
            log.warning(
                "Alibaba's C SDKs can't connect by TLS, for they exchange keys by RSA alone: %s; give an RSA "
                "certificate by --device-tls-cert and --device-tls-key beside it, or say --device-tls modern",
                why,
            )

    def refresh(self, *, again: bool = False) -> None:
        """Show what the files hold now, if they changed or `again`; what can't be used is told in one line, and the old
        ones stay. Connections stay as they are."""
        if again:
            log.info("reloading certificates")
        failed: dict[str, list[str]] = {}  # by the reason, whose
        for of, certificates in (("management", self.management), ("devices", self.devices)):
            try:
                if certificates is not None and certificates.refresh(again=again):
                    log.info("certificates for %s loaded: %s", of, certificates)
            except Invalid as exc:
                failed.setdefault(exc.problem, []).append(of)
        for why, whose in failed.items():
            log.error("certificates for %s not loaded, the old ones stay: %s", " and ".join(whose), why)

    def expire(self) -> dict[str, datetime]:
        """When the first certificate does, by whom they are for."""
        both = {"management": self.management, "devices": self.devices}
        found = {of: certificates.expires() for of, certificates in both.items() if certificates is not None}
        return {of: expires for of, expires in found.items() if expires is not None}

    async def watch(self) -> None:
        """Look at the files again and again."""
        while True:
            await asyncio.sleep(LOOK_PAUSE_S)
            self.refresh()


def _pair(settings: Settings, setting: str, cert: Path | None, key: Path | None) -> list[Pair]:
    """The pair, tried, if there is one. Raises SettingError."""
    if cert is None or key is None:
        return []
    pair = Pair(cert, key)
    try:
        Certificates([pair], "modern")
    except Invalid as exc:
        rule = exc.problem.removeprefix(f"{cert}: ")
        raise SettingError(setting, str(cert), rule, settings.sources.get(setting)) from exc
    return [pair]
