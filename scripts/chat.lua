-- What wrk says to the gateway: one short chat after another. scripts/load_test.sh uses it. Alone:
--   wrk -t4 -c100 -d30s --script=chat.lua http://localhost:8000/v1/chat/completions
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"' .. (os.getenv("MODEL") or "haiku") .. '","messages":[{"role":"user","content":"Hello"}]}'

local key = os.getenv("API_KEY") or ""
if key ~= "" then
  wrk.headers["Authorization"] = "Bearer " .. key
end

-- One line for a program to read: milliseconds, and percent of all that was tried.
function done(summary, latency, _)
  local errors = summary.errors
  local unanswered = errors.connect + errors.read + errors.write + errors.timeout
  local tried = math.max(summary.requests + unanswered, 1)
  io.write(string.format("load: rps=%.1f p50=%.1f p99=%.1f errors=%.3f\n",
    (summary.requests - errors.status) / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    100 * (unanswered + errors.status) / tried))
end
