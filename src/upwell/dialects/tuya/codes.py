"""What Tuya calls each refusal of the core (tuya 1.5): the names of its relative, under Tuya's own few and its HTTP
status. Business errors are HTTP 200, the gateway's 400 or 403 (tuya 1.4).
"""

from dataclasses import replace

from upwell.dialects import rpc_codes
from upwell.dialects.flat import FORMS
from upwell.dialects.rpc_codes import GENERAL, Refusal
from upwell.dialects.tuya import field_codes
from upwell.domain.errors import CallerError, Denied, Invalid, Missing, Unavailable

SYSTEM = "iot.system.SystemException"
UNKNOWN_KEY = "InvalidAccessKeyId.NotFound"


def refusal(error: Exception, action: str = "") -> Refusal:
    """How Tuya says this error to a caller of `action`. What is no CallerError is our own fault and shows nothing of
    itself."""
    if not isinstance(error, CallerError):
        status = 503 if isinstance(error, Unavailable) else 500
        return Refusal(code=SYSTEM, status=status, message="System Exception", envelope="gateway")
    told = rpc_codes.refusal(error, action, field_codes)
    match error:
        case Missing():
            return replace(told, code="MissingParameter")
        case Invalid() if error.check in FORMS:  # tuya 1.4: the gateway's are signature, key and action
            return replace(told, code=GENERAL, status=200, envelope="business")
        case Denied():
            return replace(told, code="iot.common.AuthActionPermissionDeny")
    if told.envelope == "gateway":
        return replace(told, status=403 if told.code == UNKNOWN_KEY else 400)
    return told
