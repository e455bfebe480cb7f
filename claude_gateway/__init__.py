"""The facade: all that a plugin needs. Whatever is not named here is internal and may change."""

from claude_gateway.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    InternalError,
    InvalidRequest,
    NotFound,
    Overloaded,
    PayloadTooLarge,
    PluginError,
    RateLimited,
    Unauthorized,
    Unavailable,
    UpstreamError,
    UpstreamTimeout,
)
from claude_gateway.hookspecs import hookimpl
from claude_gateway.interfaces import (
    Authenticator,
    Completes,
    CountsTokens,
    HealthCheck,
    ListsModels,
    ModelBackend,
    Observer,
    Offer,
    ReportsHealth,
    ServesUnknown,
    StreamsBatches,
)
from claude_gateway.models.families import describe_model
from claude_gateway.models.table import shipped_models
from claude_gateway.settings import Setting, Settings
from claude_gateway.types.events import (
    Accepted,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    OtherDelta,
    OtherEvent,
    Ping,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
)
from claude_gateway.types.health import Health
from claude_gateway.types.models import ModelInfo, Price
from claude_gateway.types.principals import OWNER, Credential, Principal
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run
from claude_gateway.types.secrets import Secret
from claude_gateway.types.usage import Usage
from claude_gateway.version import __version__

__all__ = [
    "OWNER",
    "Accepted",
    "Answer",
    "Authenticator",
    "BlockStart",
    "BlockStop",
    "Completes",
    "Conflict",
    "CountsTokens",
    "Credential",
    "Event",
    "Forbidden",
    "GatewayError",
    "Health",
    "HealthCheck",
    "InputDelta",
    "InternalError",
    "InvalidRequest",
    "ListsModels",
    "MessageDelta",
    "MessageStart",
    "MessageStop",
    "ModelBackend",
    "ModelInfo",
    "ModelRequest",
    "NotFound",
    "Observer",
    "Offer",
    "OtherDelta",
    "OtherEvent",
    "Overloaded",
    "PayloadTooLarge",
    "Ping",
    "PluginError",
    "Price",
    "Principal",
    "RateLimited",
    "ReportsHealth",
    "Run",
    "Secret",
    "ServesUnknown",
    "Setting",
    "Settings",
    "SignatureDelta",
    "StreamsBatches",
    "TextDelta",
    "ThinkingDelta",
    "Unauthorized",
    "Unavailable",
    "UpstreamError",
    "UpstreamTimeout",
    "Usage",
    "__version__",
    "describe_model",
    "hookimpl",
    "shipped_models",
]
