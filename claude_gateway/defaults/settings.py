"""The gateway's own settings: names, defaults, help. The one list that pages are generated from."""

from __future__ import annotations

from pathlib import Path

from claude_gateway import encryption
from claude_gateway.defaults import (
    fetch_settings,
    health_settings,
    keeping_settings,
    limit_settings,
    loop_settings,
    peer_settings,
    resilience_settings,
    tls_settings,
    tool_settings,
)
from claude_gateway.settings import (
    Setting,
    api_key,
    api_keys,
    flag,
    hosts,
    one_of,
    origins,
    path,
    seconds,
    secret,
    secrets,
    text,
    whole,
    words,
    workers,
)
from claude_gateway.types.secrets import Secret

HOME = Path("~/.claude-gateway")

NO_SECRETS: tuple[Secret, ...] = ()
NO_WORDS: tuple[str, ...] = ()
EVERYBODY: tuple[str, ...] = ("*",)

CLAUDE, SERVER, ACCESS, RUNNING = "Claude", "Server", "Who may come in", "Running"

ANTHROPIC_API_KEY = Setting(
    "ANTHROPIC_API_KEY",
    api_key,
    Secret(""),
    "Key of Anthropic's API. Without it the gateway runs in demo mode, with canned answers.",
    CLAUDE,
    "sk-ant-api03-xxx",
)
ANTHROPIC_API_KEYS = Setting(
    "ANTHROPIC_API_KEYS",
    api_keys,
    NO_SECRETS,
    "More keys of Anthropic's API, separated by commas. Conversations are spread over all of them, "
    "and one that upstream refuses or limits is left alone for a while. docs/resilience.md.",
    CLAUDE,
    "sk-ant-api03-xxx,sk-ant-api03-yyy",
)
ANTHROPIC_AUTH_TOKEN = Setting(
    "ANTHROPIC_AUTH_TOKEN",
    secret,
    Secret(""),
    "A bearer token to send upstream instead of a key; the key wins when both are set.",
    CLAUDE,
)
CLAUDE_CONFIG_DIR = Setting(
    "CLAUDE_CONFIG_DIR",
    path,
    Path(),
    "Folder of Claude Code's configuration. The `env` of its settings.json supplies "
    "ANTHROPIC_API_KEY, ANTHROPIC_AUTH_TOKEN and ANTHROPIC_BASE_URL where nothing else does.",
    CLAUDE,
    "/path/to/.claude",
)
DEFAULT_MODEL = Setting(
    "GATEWAY_DEFAULT_MODEL",
    text,
    "",
    "Model for requests that name none. Empty: the first that is listed.",
    CLAUDE,
    "claude-sonnet-5-5",
)
MODELS_FILE = Setting(
    "GATEWAY_MODELS_FILE",
    path,
    Path(),
    "A table of models and other names, in TOML, that goes over the one that shipped: prices, "
    "limits, new models. docs/models.md describes it.",
    CLAUDE,
    "/path/to/models.toml",
)
MODELS_REFRESH = Setting(
    "GATEWAY_MODELS_REFRESH",
    whole(0, 604_800),
    3600,
    "Seconds between looks at upstream's own list of models, for new ones and their limits. "
    "0: never look.",
    CLAUDE,
)
AUTO_CACHE = Setting(
    "GATEWAY_AUTO_CACHE",
    flag,
    False,
    "Set cache breakpoints in chat requests that have none: after the tools, after the system's "
    "text and in the last two turns of the user. Long conversations cost less, single questions "
    "a quarter more.",
    CLAUDE,
)

GATEWAY_HOST = Setting(
    "GATEWAY_HOST",
    text,
    "127.0.0.1",
    "Address to listen on. 0.0.0.0 lets devices on the network in; they need a key.",
    SERVER,
)
PORT = Setting("PORT", whole(0, 65535), 8000, "Port to listen on; 0 takes any free one.", SERVER)
GATEWAY_DATA_DIR = Setting(
    "GATEWAY_DATA_DIR", path, HOME / "data", "Where the gateway keeps what it stores.", SERVER
)
STORE = Setting(
    "GATEWAY_STORE",
    text,
    "auto",
    "Where projects, sessions and runs are kept, by the name of what a plugin offers. auto: what is "
    "offered. none: nowhere; only requests without a session are served.",
    SERVER,
    "sqlite",
)
WORKERS = Setting(
    "GATEWAY_WORKERS",
    workers,
    1,
    "How many processes serve, on one port. 0 or auto: one for each processor. docs/workers.md.",
    SERVER,
)
WORKSPACE_DIR = Setting(
    "WORKSPACE_DIR",
    path,
    HOME / "workspace",
    "Folder that projects live in; nothing outside it is touched.",
    SERVER,
)
PUBLISHED_ON = Setting(
    "GATEWAY_PUBLISHED_ON",
    text,
    "",
    "In a container: the host's address on which the port is published. docker-compose.yml sets "
    "it; with a loopback address the container's own bridge counts as local.",
    SERVER,
)

ENCRYPTION_KEY = encryption.ENCRYPTION_KEY

GATEWAY_AUTH = Setting(
    "GATEWAY_AUTH",
    one_of("local", "required", "open"),
    "local",
    "local: this machine needs no key, everybody else does. required: always a key. "
    "open: nobody is asked.",
    ACCESS,
)
GATEWAY_AUTH_FORCE = Setting(
    "GATEWAY_AUTH_OPEN_FORCE",
    flag,
    False,
    "Allow GATEWAY_AUTH=open on an address that others can reach.",
    ACCESS,
)
GATEWAY_API_KEYS = Setting(
    "GATEWAY_API_KEYS",
    secrets,
    NO_SECRETS,
    "Keys that clients may use, separated by commas. Each is a user of its own.",
    ACCESS,
)
GATEWAY_BYOK = Setting(
    "GATEWAY_BYOK",
    flag,
    False,
    "Let callers bring their own Anthropic key; it is checked upstream and pays for their calls.",
    ACCESS,
)
ALLOWED_HOSTS = Setting(
    "GATEWAY_ALLOWED_HOSTS",
    hosts,
    NO_WORDS,
    "More names under which the gateway may be addressed (its Host header), besides loopback "
    "names, IP addresses and this machine's own name.",
    ACCESS,
    "gateway.example.org",
)
CORS_ORIGINS = Setting(
    "CORS_ORIGINS",
    origins,
    EVERYBODY,
    "Origins whose pages may read answers. * is everybody's, for keyed or public requests.",
    ACCESS,
    "https://app.example.org",
)

DEBUG = Setting(
    "DEBUG",
    flag,
    False,
    "Log more, as LOG_LEVEL=debug does. Prompts and keys are never logged.",
    RUNNING,
)
LOG_LEVEL = Setting(
    "LOG_LEVEL",
    one_of("debug", "info", "warning", "error", "critical", any_case=True),
    "info",
    "The least that is logged: debug, info, warning, error or critical.",
    RUNNING,
)
LOG_FORMAT = Setting(
    "LOG_FORMAT",
    one_of("auto", "console", "json"),
    "auto",
    "Form of the log on standard error. auto: console on a terminal, JSON elsewhere.",
    RUNNING,
)
SHUTDOWN_TIMEOUT = Setting(
    "GATEWAY_SHUTDOWN_TIMEOUT",
    seconds(0.1, 3600),
    30.0,
    "Seconds that running answers get to finish after SIGTERM.",
    RUNNING,
)
HEARTBEAT = Setting(
    "GATEWAY_HEARTBEAT",
    seconds(0.05, 15),
    12.0,
    "Seconds of silence after which a stream gets a comment, so that no hop closes it.",
    RUNNING,
)
HEADER_TIMEOUT = Setting(
    "GATEWAY_HEADER_TIMEOUT",
    seconds(0.1, 60),
    30.0,
    "Seconds in which the headers of a request must arrive.",
    RUNNING,
)
BODY_TIMEOUT = Setting(
    "GATEWAY_BODY_TIMEOUT",
    seconds(0.1, 600),
    30.0,
    "Seconds without a byte after which a request's body is given up.",
    RUNNING,
)
PLUGINS_BLOCK = Setting(
    "GATEWAY_PLUGINS_BLOCK", words, NO_WORDS, "Plugins not to load, by name.", RUNNING
)
PLUGINS_ALLOW = Setting(
    "GATEWAY_PLUGINS_ALLOW",
    words,
    NO_WORDS,
    "When set, the only plugins to load, by name.",
    RUNNING,
)

ALL: tuple[Setting[object], ...] = (
    *(value for value in dict(globals()).values() if isinstance(value, Setting)),
    *limit_settings.ALL,
    *peer_settings.ALL,
    *tls_settings.ALL,
    *fetch_settings.ALL,
    *health_settings.ALL,
    *tool_settings.ALL,
    *keeping_settings.ALL,
    *loop_settings.ALL,
    *resilience_settings.ALL,
)
