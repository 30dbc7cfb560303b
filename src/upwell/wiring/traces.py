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
    named = settings.named("otlp")
    try:
        from upwell.wiring.otlp import Otlp

        return Otlp(settings.otlp, settings.otlp_sample, node)
    except ModuleNotFoundError as exc:
        if (exc.name or "").startswith("upwell"):
            raise
        missing = f"{named} needs packages that are not installed ({exc.name}): pip install 'upwell[otel]'"
        raise UpwellError(missing) from exc
    except ValueError as exc:  # our own settings are checked; theirs are read when they are imported
        raise UpwellError(f"{named}: a variable OTEL_… can't be read: {exc}") from exc
