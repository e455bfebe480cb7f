"""All parts of the store, for owners who are among their own things."""

from __future__ import annotations

from claude_gateway_sqlite.audit import Audit
from claude_gateway_sqlite.budgets import Budgets
from claude_gateway_sqlite.keys import Keys
from claude_gateway_sqlite.ledger import Ledger
from claude_gateway_sqlite.members import Members
from claude_gateway_sqlite.messages import Messages
from claude_gateway_sqlite.pins import Pins
from claude_gateway_sqlite.projects import Projects
from claude_gateway_sqlite.pruning import Pruning
from claude_gateway_sqlite.runs import Runs
from claude_gateway_sqlite.sessions import Sessions
from claude_gateway_sqlite.usage import UsageFigures
from claude_gateway_sqlite.users import Users


class Parts(
    Projects,
    Members,
    Sessions,
    Messages,
    Runs,
    Ledger,
    UsageFigures,
    Pins,
    Audit,
    Keys,
    Users,
    Budgets,
    Pruning,
):
    """What every call comes to once it is known whose things are meant."""
