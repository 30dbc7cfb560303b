"""Where traces go, when the settings say so; without, nothing of OpenTelemetry is imported."""

from typing import TYPE_CHECKING

from upwell.config import Settings
from upwell.domain.errors import UpwellError

if TYPE_CHECKING:
    from upwell.wiring.otlp import Otlp


def otlp_of(settings: Settings, node: str) -> "Otlp | None":
    """What sends the traces of this process; None without the setting. Raises UpwellError where its packages are not
    installed, or a variable of OpenTelemetry's can't be read."""
    if settings.otlp is None:
        return None
    try:
        from upwell.wiring.otlp import Otlp
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("upwell"):
            raise
        raise UpwellError(
            f"{settings.named('otlp')} needs packages that are not installed ({exc.name}): pip install 'upwell[otel]'"
        ) from exc
    try:
        return Otlp(settings.otlp, settings.otlp_sample, node)
    except ValueError as exc:  # the settings are checked
        raise UpwellError(f"{settings.named('otlp')}: a variable OTEL_… can't be read: {exc}") from exc
