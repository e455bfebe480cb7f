"""The facade: all that a plugin needs. Whatever is not named here is internal and may change."""

from claude_gateway.budget_stores import KeepsBudgets
from claude_gateway.defaults.settings import GATEWAY_DATA_DIR, WORKSPACE_DIR
from claude_gateway.defaults.settings import STORE as GATEWAY_STORE
from claude_gateway.encryption import ENCRYPTION_KEY as GATEWAY_ENCRYPTION_KEY
from claude_gateway.encryption import decoded_keys, kept_key
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
    StorageFull,
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
    Followed,
    Follows,
    HasAddress,
    HealthCheck,
    ListsModels,
    ModelBackend,
    Observer,
    Offer,
    PluginRoute,
    ReportsHealth,
    ServesUnknown,
    Shared,
    StreamsBatches,
)
from claude_gateway.key_stores import KeepsKeys
from claude_gateway.member_stores import KeepsMembers, check_role
from claude_gateway.models.families import describe_model
from claude_gateway.models.table import shipped_models
from claude_gateway.profiles import Adaptation, Ask, Call, ClientProfile, Frames, Reply
from claude_gateway.redaction import redacted_value
from claude_gateway.settings import Setting, Settings
from claude_gateway.spending_stores import KeepsUsage
from claude_gateway.stores import (
    HasFigures,
    KeepsAudit,
    KeepsPins,
    KeepsProjects,
    KeepsRuns,
    KeepsSessions,
    Prunes,
    Store,
)
from claude_gateway.tool_servers import HasPrompts, HasResources, SuggestsValues, ToolServer
from claude_gateway.types.approvals import Approval, AskedCall
from claude_gateway.types.budgets import (
    Budget,
    BudgetName,
    BudgetState,
    Reservation,
    Reserved,
    Spender,
    window_of,
)
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
from claude_gateway.types.keys import FoundKey, Key, KeySecret, User
from claude_gateway.types.models import ModelInfo, Price
from claude_gateway.types.principals import OWNER, Credential, Limits, Principal, Scope
from claude_gateway.types.prompts import (
    Prompt,
    PromptArgument,
    PromptResult,
    Suggestions,
    Unfinished,
)
from claude_gateway.types.rawjson import RawJson
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.resources import (
    Listing,
    Message,
    Page,
    Project,
    Session,
    SessionFilter,
    SessionStats,
    Tally,
    ToolExecution,
)
from claude_gateway.types.runs import Run
from claude_gateway.types.secrets import Secret
from claude_gateway.types.server_resources import Caller, Resource, ResourceTemplate
from claude_gateway.types.sharing import (
    Member,
    Role,
    Visitor,
    Who,
    address,
    asker,
    whose,
)
from claude_gateway.types.spending import SORTS, Booked, Sort, Sum, UsageFilter, UsageRow
from claude_gateway.types.tools import (
    Progress,
    ServerState,
    Tool,
    ToolCall,
    ToolResult,
)
from claude_gateway.types.trust import AuditEntry, AuditFilter, Pin
from claude_gateway.types.turns import Events, Replay, RunEnd, RunRecord, TurnStart
from claude_gateway.types.usage import Usage
from claude_gateway.types.watching import (
    BudgetNews,
    HealthLook,
    RequestEnd,
    RequestStart,
    RoundEnd,
    RoundStart,
    Standing,
    StoreFigures,
    StreamEnd,
    ToolEnd,
    ToolStart,
)
from claude_gateway.version import __version__
from claude_gateway.workspace import Workspace

__all__ = [
    "GATEWAY_DATA_DIR", "GATEWAY_ENCRYPTION_KEY", "GATEWAY_STORE", "OWNER", "SORTS",
    "WORKSPACE_DIR", "Accepted", "Adaptation", "Answer", "Approval", "Ask", "AskedCall",
    "AuditEntry", "AuditFilter", "Authenticator", "BlockStart", "BlockStop", "Booked", "Budget",
    "BudgetName", "BudgetNews", "BudgetState", "Call", "Caller", "ClientProfile", "Completes",
    "Conflict", "CountsTokens", "Credential", "Event", "Events", "Followed", "Follows", "Forbidden",
    "FoundKey", "Frames", "GatewayError", "HasAddress", "HasFigures", "HasPrompts", "HasResources",
    "Health", "HealthCheck", "HealthLook", "InputDelta", "InternalError", "InvalidRequest",
    "KeepsAudit", "KeepsBudgets", "KeepsKeys", "KeepsMembers", "KeepsPins", "KeepsProjects",
    "KeepsRuns", "KeepsSessions", "KeepsUsage", "Key", "KeySecret", "Limits", "Listing",
    "ListsModels", "Member", "Message", "MessageDelta", "MessageStart", "MessageStop",
    "ModelBackend", "ModelInfo", "ModelRequest", "NotFound", "Observer", "Offer", "OtherDelta",
    "OtherEvent", "Overloaded", "Page", "PayloadTooLarge", "Pin", "Ping", "PluginError",
    "PluginRoute", "Price", "Principal", "Progress", "Project", "Prompt", "PromptArgument",
    "PromptResult", "Prunes", "RateLimited", "RawJson", "Replay", "Reply", "ReportsHealth",
    "RequestEnd", "RequestStart", "Reservation", "Reserved", "Resource", "ResourceTemplate", "Role",
    "RoundEnd", "RoundStart", "Run", "RunEnd", "RunRecord", "Scope", "Secret", "ServerState",
    "ServesUnknown", "Session", "SessionFilter", "SessionStats", "Setting", "Settings", "Shared",
    "SignatureDelta", "Sort", "Spender", "Standing", "StorageFull", "Store", "StoreFigures",
    "StreamEnd", "StreamsBatches", "Suggestions", "SuggestsValues", "Sum", "Tally", "TextDelta",
    "ThinkingDelta", "Tool", "ToolCall", "ToolEnd", "ToolExecution", "ToolResult", "ToolServer",
    "ToolStart", "TurnStart", "Unauthorized", "Unavailable", "Unfinished", "UpstreamError",
    "UpstreamTimeout", "Usage", "UsageFilter", "UsageRow", "User", "Visitor", "Who", "Workspace",
    "__version__", "address", "asker", "check_role", "decoded_keys", "describe_model", "hookimpl",
    "kept_key", "redacted_value", "shipped_models", "whose", "window_of",
]  # fmt: skip
