"""TLS as the doors speak it: ciphers, certificates, and what a failed handshake leaves in the log.

Holds: `modern` has forward secrecy and nothing else; `compatible` adds what the vendors' C SDKs can speak, after it
(alibaba 6.1); nothing below TLS 1.2, no renegotiation. New certificates are taken by new handshakes alone, whole or not
at all. Refuses: to ask for a passphrase, to log a key, to let one peer fill the log.
"""

import hashlib
import logging
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

from cryptography import x509
from cryptography.x509.oid import PublicKeyAlgorithmOID

from upwell.domain.errors import Invalid
from upwell.doors.seldom import Seldom
from upwell.service.journal import tell

Manner = Literal["compatible", "modern"]
CIPHERS: Mapping[Manner, str] = {
    "modern": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!SHA1:!AESCCM:!aNULL:!eNULL",
    "compatible": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:kRSA+AESGCM:kRSA+AES:!AESCCM:!aNULL:!eNULL",
}
"""Up to TLS 1.2. alibaba 6.1: the C SDKs offer RSA key exchange with AES-CBC alone, with SHA-256 and SHA-1. Whoever can
do better is given better, for the server's order counts. Python's own choice is whoever's who built it: Debian's has
key exchange by RSA."""

FAILURE_PAUSE_S = 60.0
FAILURES_TOLD = 10
"""So many of a peer's failed handshakes are told in so long."""

_OPTIONS = ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_COMPRESSION
log = logging.getLogger(__name__)


class Pair(NamedTuple):
    """The files of a certificate chain and its key."""

    cert: Path
    key: Path


class Certificates:
    """What the listeners of one manner show: a chain, or an RSA and an ECDSA one of which each client gets what it
    knows. `context` is theirs for good; what it shows changes by `refresh`."""

    def __init__(self, pairs: Sequence[Pair], manner: Manner) -> None:
        """Raises Invalid for a pair that can't be used."""
        self.manner = manner
        self._pairs = tuple(pairs)
        self._seen = self._digest()
        self.context = self._shown = self._load()
        self.context.sni_callback = self._choose  # OpenSSL asks it at every handshake, whether a name was sent or not

    def refresh(self, *, again: bool = False) -> bool:
        """Show the files as they are now, if they changed since they were looked at last, or `again`. False when they
        did not. Raises Invalid for files that can't be used: then what was shown goes on being shown."""
        seen = self._digest()
        if seen == self._seen and not again:
            return False
        self._seen = seen
        self._shown = self._load()
        return True

    def expires(self) -> datetime | None:
        """When the first of the certificates in its files does; None where they can't be read now."""
        try:
            pems = [pair.cert.read_bytes() for pair in self._pairs]
            return min(x509.load_pem_x509_certificate(pem).not_valid_after_utc for pem in pems)
        except (OSError, ValueError):
            return None

    def without_rsa_key_exchange(self) -> str:
        """Why no client can exchange keys by RSA with any of these certificates; "" when one can."""
        whys = [why for pair in self._pairs if (why := _no_rsa_key_exchange(pair.cert))]
        return "; ".join(whys) if len(whys) == len(self._pairs) else ""

    def __str__(self) -> str:
        return ", ".join(str(pair.cert) for pair in self._pairs)

    def _choose(self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        handshake.context = self._shown

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.options |= _OPTIONS
        context.set_ciphers(CIPHERS[self.manner])
        for pair in self._pairs:
            try:
                context.load_cert_chain(pair.cert, pair.key, password=_no_passphrase)
            except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
                rule = "must be a PEM certificate chain, beside its PEM key without a passphrase"
                raise Invalid(str(pair.cert), rule, f"{pair.key}: {reason_of(exc)}") from exc
        return context

    def _digest(self) -> bytes:
        """Of the files' bytes; an unreadable file counts by why it is."""
        found = hashlib.sha256()
        for path in (path for pair in self._pairs for path in pair):
            try:
                content = path.read_bytes()
            except OSError as exc:
                content = str(exc).encode()
            found.update(hashlib.sha256(content).digest())
        return found.digest()


class Failures:
    """Tells failed handshakes in the log: of each peer FAILURES_TOLD in FAILURE_PAUSE_S, and then how many others there
    were of it."""

    def __init__(self, door: str) -> None:
        self._door = door
        self._seldom = Seldom(FAILURE_PAUSE_S, FAILURES_TOLD)

    def tell(self, peer: object, exc: Exception | str) -> None:
        """`peer` is an address as sockets give it."""
        host = str(peer[0]) if isinstance(peer, tuple) else "local"
        untold = self._seldom.due(host)
        if untold is None:
            return
        shown = f"{host}:{peer[1]}" if isinstance(peer, tuple) else host
        reason = exc if isinstance(exc, str) else reason_of(exc)
        more = untold or None
        tell(log, "tls handshake failed", logging.WARNING, peer=shown, reason=reason, door=self._door, untold=more)


def reason_of(exc: Exception) -> str:
    """Why, in OpenSSL's or the system's words, without its file and line."""
    if isinstance(exc, ssl.SSLError) and exc.reason:
        return str(exc.reason).replace("_", " ").lower()
    told = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
    if isinstance(exc, ssl.SSLError):
        told = re.sub(r"^\[[^]]*\] ?| ?\(_ssl\.c:[0-9]+\)$", "", told)
    return "one of them holds no such PEM" if told == "PEM lib" else told


def _no_passphrase() -> str:
    raise ValueError("the key is encrypted")


def _no_rsa_key_exchange(file: Path) -> str:
    """Why not with this certificate; "" when it can be done. Clients look at the key usage (mbedTLS does)."""
    try:
        cert = x509.load_pem_x509_certificates(file.read_bytes())[0]
    except (OSError, ValueError):  # it was loaded before: it changes at this very moment, and will be looked at again
        return ""
    if cert.public_key_algorithm_oid != PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5:
        return f"{file} has no RSA key"
    try:
        usage = cert.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    return "" if usage.key_encipherment else f"{file} has a key usage without key encipherment"
