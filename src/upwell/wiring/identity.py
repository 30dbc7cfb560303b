"""The provider of sign-in, as the settings say it."""

from upwell.config import Settings
from upwell.config.sources import SettingError
from upwell.doors.identity import Provider, Terms

SECRET_CHARS_MAX = 4096


def provider_of(settings: Settings) -> Provider | None:
    """None where none is set. Raises SettingError."""
    if settings.oidc_issuer is None or settings.oidc_client_id is None:
        return None
    return Provider(Terms(
        issuer=settings.oidc_issuer, client_id=settings.oidc_client_id, client_secret=_secret(settings),
        hosts=frozenset(settings.oidc_hosts), groups=settings.oidc_groups, groups_claim=settings.oidc_groups_claim,
        name_claim=settings.oidc_name_claim, account=settings.oidc_account,
    ))  # fmt: skip


def _secret(settings: Settings) -> str | None:
    path = settings.oidc_client_secret_file
    if path is None:
        return None
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingError("oidc_client_secret_file", str(path), "must be a readable file of text") from exc
    if not 0 < len(text) <= SECRET_CHARS_MAX:
        raise SettingError("oidc_client_secret_file", str(path), "must hold the client's secret, and nothing else")
    return text
