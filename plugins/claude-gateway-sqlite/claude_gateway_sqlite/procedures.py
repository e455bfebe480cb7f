"""What begins and ends a turn, each as one statement.

sqlite3 lets go of the interpreter's lock several times in each statement, and gets it back when the
event loop is done with what it is at: six statements in a row wait six times. SQLite has no stored
procedures, but a view whose INSERT fires a trigger is one. Both live only as long as the connection
that writes; nothing of them is in the file. Their columns are in the order of what `turns` gives.

A statement that may have to be undone by itself keeps a copy of every page it changes, which is a
quarter of its work. None of these has to: they look before they change anything, and the writer
undoes the whole transaction, and makes its changes one by one, where one has failed half-way. So all
in them says OR FAIL, and calls no function, of which SQLite believes that it might fail.
"""

from __future__ import annotations

BEGINNING = """
CREATE TEMP VIEW beginning AS SELECT
    NULL AS run, NULL AS id, NULL AS owner, NULL AS session, NULL AS project_id, NULL AS dialect,
    NULL AS model, NULL AS created_at, NULL AS request_id, NULL AS instance, NULL AS stream,
    NULL AS on_disconnect, NULL AS status, NULL AS headers, NULL AS retries, NULL AS key_id,
    NULL AS caller, NULL AS session_id, NULL AS expected, NULL AS seen, NULL AS added, NULL AS session_model, NULL AS title,
    NULL AS session_status, NULL AS thinking_after, NULL AS audit_log, NULL AS texts, NULL AS system_prompt,
    NULL AS metadata, NULL AS system, NULL AS tools, NULL AS enabled_tools, NULL AS enabled_servers,
    NULL AS message_id, NULL AS role, NULL AS content, NULL AS text, NULL AS said_at,
    NULL AS token_count, NULL AS message_metadata, NULL AS message_run
"""
# A session that has gone on, or is not there any more, ends it before anything has changed. What
# comes with every turn and seldom changes is only written when it did.
BEGINS = """
CREATE TEMP TRIGGER begins INSTEAD OF INSERT ON beginning BEGIN
    SELECT RAISE(FAIL, 'stale') WHERE NEW.session_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM sessions
        WHERE ref = NEW.session AND owner = NEW.owner AND id = NEW.session_id
            AND last_number = NEW.expected AND (NEW.seen IS NULL OR updated_at = NEW.seen)
    );
    UPDATE OR FAIL sessions SET last_number = last_number + NEW.added,
        message_count = message_count + NEW.added,
        updated_at = CASE WHEN updated_at > NEW.created_at THEN updated_at ELSE NEW.created_at END
    WHERE ref = NEW.session AND NEW.session_id IS NOT NULL AND owner = NEW.owner;
    UPDATE OR FAIL sessions SET model = NEW.session_model, title = NEW.title,
        status = NEW.session_status, thinking_after = NEW.thinking_after,
        audit_log = NEW.audit_log
    WHERE ref = NEW.session AND NEW.session_id IS NOT NULL AND NOT (
        model = NEW.session_model AND title = NEW.title AND status = NEW.session_status
        AND thinking_after = NEW.thinking_after AND audit_log = NEW.audit_log
    );
    UPDATE OR FAIL session_texts SET system_prompt = NEW.system_prompt, metadata = NEW.metadata,
        system = NEW.system, tools = NEW.tools, enabled_tools = NEW.enabled_tools,
        enabled_servers = NEW.enabled_servers
    WHERE session = NEW.session AND NEW.texts AND (
        system_prompt IS NOT NEW.system_prompt OR metadata IS NOT NEW.metadata
        OR system IS NOT NEW.system OR tools IS NOT NEW.tools
        OR enabled_tools IS NOT NEW.enabled_tools OR enabled_servers IS NOT NEW.enabled_servers
    );
    INSERT OR FAIL INTO messages(
        session, number, id, role, content, text, created_at, token_count, metadata, run_id
    ) SELECT NEW.session, coalesce(NEW.expected, 0) + 1, NEW.message_id, NEW.role, NEW.content, NEW.text,
        NEW.said_at, NEW.token_count, NEW.message_metadata, NEW.message_run
    WHERE NEW.message_id IS NOT NULL;
    INSERT OR FAIL INTO runs(
        ref, id, owner, session, project_id, dialect, model, created_at, request_id, instance,
        stream, on_disconnect, status, headers, retries, key_id, caller
    ) VALUES(
        NEW.run, NEW.id, NEW.owner, NEW.session, NEW.project_id, NEW.dialect, NEW.model,
        NEW.created_at, NEW.request_id, NEW.instance, NEW.stream, NEW.on_disconnect, NEW.status,
        NEW.headers, NEW.retries, NEW.key_id, NEW.caller
    );
    INSERT OR FAIL INTO not_searchable(session) SELECT NEW.session WHERE NEW.session IS NOT NULL
    ON CONFLICT DO NOTHING;
END
"""
BEGIN = """
INSERT INTO beginning VALUES(
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?
)
"""
# The long texts of the session are as they were.
BEGIN_AGAIN = """
INSERT INTO beginning(
    run, id, owner, session, project_id, dialect, model, created_at, request_id, instance, stream,
    on_disconnect, status, headers, retries, key_id, caller, session_id, expected, seen, added,
    session_model, title, session_status, thinking_after, audit_log,
    message_id, role, content, text, said_at, token_count, message_metadata, message_run
) VALUES(
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?
)
"""
# There is no session, or one that was made a moment ago and has counted its messages.
BEGIN_ANEW = """
INSERT INTO beginning(
    run, id, owner, session, project_id, dialect, model, created_at, request_id, instance, stream,
    on_disconnect, status, headers, retries, key_id, caller,
    message_id, role, content, text, said_at, token_count, message_metadata, message_run
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

ENDING = """
CREATE TEMP VIEW ending AS SELECT
    NULL AS run, NULL AS owner, NULL AS payer, NULL AS session, NULL AS day, NULL AS model, NULL AS served_model,
    NULL AS project_id, NULL AS session_id, NULL AS status, NULL AS input_tokens,
    NULL AS output_tokens, NULL AS cache_creation_input_tokens, NULL AS cache_read_input_tokens,
    NULL AS thinking_tokens, NULL AS ephemeral_5m_input_tokens, NULL AS ephemeral_1h_input_tokens,
    NULL AS cost, NULL AS retries, NULL AS key_id, NULL AS rounds, NULL AS ended_at, NULL AS stop_reason, NULL AS error_code,
    NULL AS error_message, NULL AS usage, NULL AS last_event, NULL AS headers, NULL AS reply,
    NULL AS added, NULL AS total_tokens, NULL AS context_tokens, NULL AS forget,
    NULL AS event_key, NULL AS first_event, NULL AS frames, NULL AS event_usage,
    NULL AS message_id, NULL AS role, NULL AS content, NULL AS text, NULL AS said_at,
    NULL AS token_count, NULL AS message_metadata, NULL AS message_run
"""
# The ledger knows whether the run was ended before: then nothing else happens. When its session was
# deleted meanwhile, nothing happens but that.
ENDS = """
CREATE TEMP TRIGGER ends INSTEAD OF INSERT ON ending BEGIN
    SELECT RAISE(IGNORE) WHERE EXISTS (SELECT 1 FROM ledger WHERE run = NEW.run);
    INSERT OR FAIL INTO ledger(
        run, owner, day, model, served_model, project_id, session_id, status, input_tokens,
        output_tokens, cache_creation_input_tokens, cache_read_input_tokens, thinking_tokens,
        ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, cost, retries, key_id
    ) VALUES(
        NEW.run, NEW.payer, NEW.day, NEW.model, NEW.served_model, NEW.project_id, NEW.session_id,
        NEW.status, NEW.input_tokens, NEW.output_tokens, NEW.cache_creation_input_tokens,
        NEW.cache_read_input_tokens, NEW.thinking_tokens, NEW.ephemeral_5m_input_tokens,
        NEW.ephemeral_1h_input_tokens, NEW.cost, NEW.retries, NEW.key_id
    );
    SELECT RAISE(IGNORE) WHERE NEW.session IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM sessions WHERE ref = NEW.session AND owner = NEW.owner
    );
    UPDATE OR FAIL sessions SET last_number = last_number + NEW.added,
        message_count = message_count + NEW.added,
        updated_at = CASE WHEN updated_at > NEW.ended_at THEN updated_at ELSE NEW.ended_at END,
        total_tokens = total_tokens + NEW.total_tokens,
        total_cost = CASE WHEN NEW.cost IS NULL THEN total_cost
            ELSE coalesce(total_cost, 0) + NEW.cost END,
        unpriced_runs = unpriced_runs + (NEW.cost IS NULL),
        context_tokens = coalesce(NEW.context_tokens, context_tokens),
        thinking_after = CASE WHEN NEW.forget THEN last_number ELSE thinking_after END
    WHERE ref = NEW.session AND owner = NEW.owner;
    INSERT OR FAIL INTO messages(
        session, number, id, role, content, text, created_at, token_count, metadata, run_id
    ) SELECT NEW.session, s.last_number - NEW.added + 1, NEW.message_id, NEW.role, NEW.content,
        NEW.text, NEW.said_at, NEW.token_count, NEW.message_metadata, NEW.message_run
    FROM sessions s WHERE s.ref = NEW.session AND NEW.message_id IS NOT NULL;
    UPDATE OR FAIL runs SET status = NEW.status, ended_at = NEW.ended_at, served_model = NEW.served_model,
        stop_reason = NEW.stop_reason, error_code = NEW.error_code,
        error_message = NEW.error_message, usage = NEW.usage, cost = NEW.cost,
        last_event = NEW.last_event, headers = NEW.headers, retries = NEW.retries,
        rounds = NEW.rounds
    WHERE ref = NEW.run AND owner = NEW.owner;
    DELETE FROM events WHERE key = NEW.event_key;
    INSERT OR FAIL INTO events(key, first, frames, usage)
    SELECT NEW.event_key, NEW.first_event, NEW.frames, NEW.event_usage
    WHERE NEW.event_key IS NOT NULL;
    DELETE FROM parked WHERE run = NEW.run;
    INSERT OR FAIL INTO replies(run, reply) SELECT NEW.run, NEW.reply WHERE NEW.reply IS NOT NULL;
    INSERT OR FAIL INTO not_searchable(session) SELECT NEW.session WHERE NEW.message_id IS NOT NULL
    ON CONFLICT DO NOTHING;
END
"""
END = """
INSERT INTO ending VALUES(
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
)
"""

PROCEDURES = (BEGINNING, BEGINS, ENDING, ENDS)
