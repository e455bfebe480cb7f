"""Rules, dashboard and Compose files for monitoring fit each other, and what they talk about."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest

from claude_gateway.defaults.settings import PORT
from tests.monitoring.files import DASHBOARD, FOLDER, ROOT, alerts, load, panels, program

COMPOSE = ROOT / "deploy/compose/docker-compose.yml"
PAGE = ROOT / "docs/operations.md"


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = load(COMPOSE)["services"][name]
    return found


def anchors(text: str) -> set[str]:
    """The links to the sections of a page, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "--syntax-only", "prometheus.yml"),
        ("check", "rules", "--lint-fatal", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_is_content(command: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [program("promtool"), *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_is_tried_when_it_must_fire_and_when_it_must_not() -> None:
    tried = {
        test["name"]: test["promql_expr_test"] for test in load(FOLDER / "alerts.test.yml")["tests"]
    }
    assert sorted(tried) == sorted(alert.name for alert in alerts())
    for name, (quiet, firing) in tried.items():
        assert quiet["expr"] == firing["expr"]
        assert f'alertname="{name}",alertstate="firing"' in firing["expr"]
        assert (quiet["exp_samples"], len(firing["exp_samples"])) == ([], 1)


def test_every_alert_has_its_section_in_the_operators_page() -> None:
    known = anchors(PAGE.read_text("utf-8"))
    for alert in alerts():
        assert alert.annotations["runbook"] == f"docs/operations.md#{alert.name.lower()}"
        assert alert.name.lower() in known, f"docs/operations.md has no section {alert.name}"
        assert {"summary", "description"} < alert.annotations.keys()


def test_every_panel_has_a_place_a_unit_and_the_datasource_that_is_provisioned() -> None:
    dashboard = json.loads(DASHBOARD.read_text("utf-8"))
    shown = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    taken: set[tuple[int, int]] = set()
    for panel in shown:
        place = panel["gridPos"]
        cells = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        assert place["x"] + place["w"] <= 24
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    (source,) = load(FOLDER / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["type"] == "prometheus"
    assert source["url"] == "http://prometheus:9090"
    assert len(list(panels())) >= len(shown)


def test_monitoring_is_only_started_when_asked_for_and_only_seen_on_this_machine() -> None:
    for name, port in (("prometheus", 9090), ("grafana", 3000)):
        found = service(name)
        assert found["profiles"] == ["monitoring"]
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", found["image"]), "a version of its own"
        (published,) = found["ports"]
        variable = f"${{{name.upper()}_PORT:-{port}}}"
        assert published == f"127.0.0.1:{variable}:{port}"
        assert found["cap_drop"] == ["ALL"]
        assert found["security_opt"] == ["no-new-privileges:true"]


def test_what_the_containers_are_given_is_there() -> None:
    for name in ("prometheus", "grafana"):
        binds = [mount for mount in service(name)["volumes"] if mount["type"] == "bind"]
        assert binds
        for mount in binds:
            assert (COMPOSE.parent / mount["source"]).exists(), mount["source"]
            assert mount["read_only"] is True
        kept = {mount["source"] for mount in service(name)["volumes"] if mount["type"] == "volume"}
        assert kept <= load(COMPOSE)["volumes"].keys()
    folder = load(FOLDER / "grafana/provisioning/dashboards/claude-gateway.yml")["providers"][0]
    targets = {mount["target"] for mount in service("grafana")["volumes"]}
    assert folder["options"]["path"] in targets


def test_prometheus_finds_the_gateway_and_its_key() -> None:
    (job,) = load(FOLDER / "prometheus.yml")["scrape_configs"]
    ((target,),) = (static["targets"] for static in job["static_configs"])
    api = load(ROOT / "docker-compose.yml")["services"]["api"]
    assert target == f"{api['hostname']}:{PORT.default}"
    (secret,) = service("prometheus")["secrets"]
    assert job["authorization"] == {"credentials_file": f"/run/secrets/{secret}"}
    file = load(COMPOSE)["secrets"][secret]["file"]
    assert file == "${GATEWAY_METRICS_KEY_FILE:-../monitoring/metrics.key}"
    assert "deploy/monitoring/metrics.key" in (ROOT / ".gitignore").read_text("utf-8").split()
