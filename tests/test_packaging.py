"""What we ship says everything once, and its files agree with each other."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from claude_gateway.defaults.settings import PORT, SHUTDOWN_TIMEOUT
from claude_gateway.version import __version__

ROOT = Path(__file__).resolve().parent.parent
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
PROJECTS = [ROOT, *PLUGINS]
LOCKS = sorted(ROOT.glob("requirements/*.txt"))
COMPOSE = ROOT / "deploy/compose/docker-compose.yml"
COMMANDS = sorted(path.name for path in ROOT.glob("scripts/*.sh") if path.name != "requests.sh")
TARGETS = {"setup", "run", "test", "check", "lock", "up", "down", "logs", "ps", "rebuild", "clean"}
TARGETS |= {"seed", "smoke", "load"}


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def pyproject(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def name_of(folder: Path) -> str:
    return folder.name


# --- metadata -------------------------------------------------------------------------------------


def test_setup_cfg_holds_no_packaging() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert not [name for name in config.sections() if re.match(r"metadata|options", name)]


@pytest.mark.parametrize("folder", PROJECTS, ids=name_of)
def test_pyproject_is_the_only_owner_of_metadata(folder: Path) -> None:
    assert not (folder / "setup.py").exists()
    assert folder == ROOT or not (folder / "setup.cfg").exists()


@pytest.mark.parametrize("plugin", PLUGINS, ids=name_of)
def test_a_plugin_says_its_version_and_its_entry_point_once(plugin: Path) -> None:
    project = pyproject(plugin)["project"]
    assert Version(project["version"]).release
    assert "version" not in project.get("dynamic", [])
    assert len(project["entry-points"]["claude_gateway"]) == 1
    sources = [path.read_text(encoding="utf-8") for path in plugin.glob("claude_gateway_*/**/*.py")]
    assert sources
    assert not [
        source for source in sources if re.search(r"^__version__\s*[:=]", source, re.MULTILINE)
    ]


def test_plugins_do_not_share_a_name_or_an_entry_point() -> None:
    projects = [pyproject(plugin)["project"] for plugin in PLUGINS]
    points = [name for project in projects for name in project["entry-points"]["claude_gateway"]]
    assert len(set(points)) == len(points)
    assert len({project["name"] for project in projects}) == len(projects)


def test_plugins_fit_the_core_they_are_shipped_with() -> None:
    for plugin in PLUGINS:
        needs = [Requirement(line) for line in pyproject(plugin)["project"]["dependencies"]]
        core = next(need for need in needs if need.name == "claude-gateway")
        assert core.specifier.contains(__version__), plugin.name


# --- locks ----------------------------------------------------------------------------------------


def locked(path: Path) -> dict[str, tuple[Version, int]]:
    """The version and the number of hashes of everything in a lock."""
    entry = r"^([\w.-]+)==([^\s;\\]+)[^\n]*((?:\n +--hash=sha256:[0-9a-f]{64}(?: \\)?)*)"
    found = re.findall(entry, path.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        canonicalize_name(name): (Version(version), hashes.count("--hash"))
        for name, version, hashes in found
    }


def asked_for(*keys: str) -> list[Requirement]:
    """What our projects ask of others, in the lists that the keys name."""
    ours = {pyproject(folder)["project"]["name"] for folder in PROJECTS}
    lists = {
        "build": lambda data: data["build-system"]["requires"],
        "runtime": lambda data: data["project"].get("dependencies", []),
        "dev": lambda data: data.get("dependency-groups", {}).get("dev", []),
        "clients": lambda data: data.get("dependency-groups", {}).get("clients", []),
    }
    lines = [line for key in keys for folder in PROJECTS for line in lists[key](pyproject(folder))]
    return [need for need in map(Requirement, lines) if need.name not in ours]


@pytest.mark.parametrize(
    ("lock", "keys"),
    [
        ("build", ["build"]),
        ("runtime", ["runtime"]),
        ("dev", ["build", "runtime", "dev"]),
        ("clients", ["clients"]),
    ],
)
def test_whatever_is_asked_for_is_locked(lock: str, keys: list[str]) -> None:
    pins = locked(ROOT / f"requirements/{lock}.txt")
    for need in asked_for(*keys):
        name = canonicalize_name(need.name)
        assert name in pins, f"make lock: {need} is in no lock"
        version, _ = pins[name]
        assert need.specifier.contains(version), f"make lock: {need} is locked at {version}"


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_a_lock_has_hashes_and_names_no_index(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    pins = locked(lock)
    assert len(pins) == len(re.findall(r"^[^\s#]", text, re.MULTILINE)), "a line is no pin"
    assert [name for name, (_, hashes) in pins.items() if not hashes] == []
    assert not re.search(r"://|^\s*-(?!-hash)|@ ", text, re.MULTILINE)


def test_what_is_tested_is_what_is_shipped() -> None:
    shipped, tested = (
        locked(ROOT / "requirements/runtime.txt"),
        locked(ROOT / "requirements/dev.txt"),
    )
    assert shipped.items() <= tested.items()


def test_what_node_needs_is_locked_with_hashes_and_names_no_index() -> None:
    lock = read("tests/node/package-lock.json")
    root, *packages = json.loads(lock)["packages"].values()
    assert root["dependencies"] == json.loads(read("tests/node/package.json"))["dependencies"]
    assert packages
    assert [package for package in packages if "integrity" not in package] == []
    assert "resolved" not in lock
    assert "registry" not in lock


# --- make -----------------------------------------------------------------------------------------


def targets() -> dict[str, str]:
    """The targets of the Makefile and what each depends on."""
    return dict(re.findall(r"^([a-z]+):(?!=)([^#\n]*)", read("Makefile"), re.MULTILINE))


def test_make_has_every_target_that_is_promised() -> None:
    pages = [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in pages)
    promised = set(re.findall(r"(?:`|^|&& )make ([a-z]+)\b", text, re.MULTILINE))
    assert promised | TARGETS <= set(targets())


def test_make_alone_explains_itself() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert [name for name in sorted(TARGETS) if f"make {name} " not in shown] == []


@pytest.mark.parametrize("target", ["run", "test", "check"])
def test_nothing_has_to_be_installed_by_hand(target: str) -> None:
    assert "setup" in targets()[target].split()


@pytest.mark.parametrize(
    "script",
    ["scripts/setup", "scripts/check", "scripts/lock", ".ci/run"]
    + [f"scripts/{name}" for name in COMMANDS],
)
def test_scripts_can_be_started(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert read(script).startswith("#!/usr/bin/env ")


# --- image ----------------------------------------------------------------------------------------


def stages() -> list[list[tuple[str, str]]]:
    """The Dockerfile's instructions, by stage."""
    joined = re.sub(
        r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", read("Dockerfile"), flags=re.MULTILINE)
    )
    found: list[list[tuple[str, str]]] = []
    for keyword, value in re.findall(r"^([A-Z]+) +(.*)$", joined, re.MULTILINE):
        if keyword == "FROM":
            found.append([])
        if found:
            found[-1].append((keyword, value))
    return found


def said(keyword: str) -> str:
    """What the last stage says to a keyword, last."""
    return [value for key, value in stages()[-1] if key == keyword][-1]


def test_the_image_does_not_run_as_root() -> None:
    user, _, group = said("USER").partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_container_installs_nothing() -> None:
    assert json.loads(said("ENTRYPOINT")) == ["claude-gateway"]
    assert json.loads(said("CMD")) == ["serve"]
    assert not [value for _, value in stages()[-1] if re.search(r"\bpip\b|\bapt", value)]


def test_the_gateway_does_not_start_in_a_folder_that_tools_write_to() -> None:
    mounted = [Path(volume["target"]) for volume in api()["volumes"]]
    assert not [path for path in mounted if Path(said("WORKDIR")).is_relative_to(path)]


def test_the_image_is_built_from_hashed_locks_only() -> None:
    runs = " && ".join(value for stage in stages() for key, value in stage if key == "RUN")
    installs = [part for part in runs.split(" && ") if re.search(r"\bpip\b.* install ", part)]
    assert installs
    for part in installs:
        assert "--no-deps" in part
        assert "--require-hashes" in part or "--no-index" in part


def test_the_health_check_asks_the_port_that_is_served() -> None:
    options, _, command = said("HEALTHCHECK").partition("CMD ")
    program, flag, code = json.loads(command)
    assert (program, flag) == ("python", "-c")
    compile(code, "HEALTHCHECK", "exec")
    assert "/health" in code
    assert f"os.environ.get('PORT') or '{PORT.default}'" in code
    assert "--timeout=" in options
    assert said("EXPOSE") == str(PORT.default)


def test_what_the_image_copies_is_there_and_reaches_the_builder() -> None:
    ignored = read(".dockerignore").splitlines()
    copies = [value.split() for stage in stages() for key, value in stage if key == "COPY"]
    sources = [path for words in copies if "--from" not in words[0] for path in words[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{Path(source).parts[0]}" in ignored, source


def test_secrets_do_not_reach_the_builder() -> None:
    ignored = [line for line in read(".dockerignore").splitlines() if line[:1] not in {"", "#"}]
    assert ignored[0] == "*"
    assert "**/.env*" in ignored


# --- compose --------------------------------------------------------------------------------------


def compose(path: Path = ROOT / "docker-compose.yml") -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def api() -> dict[str, Any]:
    service: dict[str, Any] = compose()["services"]["api"]
    return service


def filled_in(text: str, **environment: str) -> str:
    """Text with ${NAME:-default} filled in, as Compose does it."""
    return re.sub(r"\$\{(\w+):-([^}]*)\}", lambda m: environment.get(m[1]) or m[2], text)


def test_the_port_is_published_on_loopback_unless_said_otherwise() -> None:
    (port,) = api()["ports"]
    assert filled_in(port) == f"127.0.0.1:{PORT.default}:{PORT.default}"
    assert filled_in(port, PORT="9001") == "127.0.0.1:9001:9001"
    assert filled_in(port, GATEWAY_PUBLISH="0.0.0.0") == f"0.0.0.0:{PORT.default}:{PORT.default}"


def test_the_gateway_is_told_where_its_port_is_published() -> None:
    environment = api()["environment"]
    (port,) = api()["ports"]
    for publish in ("", "0.0.0.0", "192.168.1.2"):
        told = filled_in(environment["GATEWAY_PUBLISHED_ON"], GATEWAY_PUBLISH=publish)
        assert filled_in(port, GATEWAY_PUBLISH=publish).startswith(f"{told}:")
    assert filled_in(environment["PORT"], PORT="9001") == "9001"


def test_the_env_file_cannot_move_what_is_inside_the_container() -> None:
    assert api()["env_file"] == [{"path": ".env", "required": False}]
    environment, volumes = api()["environment"], api()["volumes"]
    mounted = {volume["target"] for volume in volumes}
    assert environment["GATEWAY_HOST"] == "0.0.0.0"
    for name in ("GATEWAY_DATA_DIR", "WORKSPACE_DIR", "CLAUDE_CONFIG_DIR"):
        assert environment[name] in mounted


def test_folders_are_mounted_and_there() -> None:
    volumes = {volume["target"]: volume for volume in api()["volumes"]}
    assert volumes["/data"]["source"] in compose()["volumes"]
    assert volumes["/workspace"]["source"] == "./files/workspace"
    assert volumes["/claude"]["read_only"] is True
    for target in ("/workspace", "/claude"):
        assert (ROOT / filled_in(volumes[target]["source"])).is_dir()
        assert volumes[target]["bind"] == {"create_host_path": False}


def test_running_answers_get_their_time_before_the_container_is_killed() -> None:
    grace = re.fullmatch(r"(\d+)s", api()["stop_grace_period"])
    assert grace
    assert int(grace[1]) > SHUTDOWN_TIMEOUT.default


def test_the_container_has_few_rights() -> None:
    service = api()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "0" not in filled_in(service["user"]).split(":")
    assert not {"privileged", "cap_add", "network_mode", "pid"} & service.keys()


def test_the_deployed_file_is_the_one_at_the_top() -> None:
    file = compose(COMPOSE)
    (included,) = file["include"]
    assert (COMPOSE.parent / included["path"]).resolve() == ROOT / "docker-compose.yml"
    assert set(included) == {"path"}, "paths and .env are then those of the top"
    assert file["name"] == compose()["name"], "both commands mean the same containers and data"


def test_docker_reads_both_compose_files() -> None:
    if not docker_compose():
        pytest.skip("docker compose is not installed")
    environment = {**os.environ, "PORT": "9001", "GATEWAY_PUBLISH": "127.0.0.1"}
    for path in (ROOT / "docker-compose.yml", COMPOSE):
        command = ["docker", "compose", "-f", str(path), "config", "--format", "json"]
        shown = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        assert shown.returncode == 0, shown.stderr
        service = json.loads(shown.stdout)["services"]["api"]
        assert service["build"]["context"] == str(ROOT)
        assert service["ports"][0]["published"] == "9001"


def docker_compose() -> bool:
    if shutil.which("docker") is None:
        return False
    asked = ["docker", "compose", "version"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


# --- wheels ---------------------------------------------------------------------------------------


def wheel(folder: Path, scratch: Path) -> set[str]:
    """The files of a wheel, built from a copy: setuptools leaves things beside what it builds."""
    source = scratch / "source"
    source.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            shutil.copy2(path, source)
        elif (path / "py.typed").exists():
            leave = shutil.ignore_patterns("__pycache__")
            shutil.copytree(path, source / path.name, ignore=leave)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--wheel-dir", str(scratch), str(source)]
    subprocess.run([*command, *options], check=True, capture_output=True)
    (built,) = scratch.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_the_wheel_of_the_core_is_whole(tmp_path: Path) -> None:
    files = wheel(ROOT, tmp_path)
    package = ROOT / "claude_gateway"
    ours = {path for path in package.rglob("*") if path.suffix in {".py", ".toml", ".typed"}}
    assert {str(path.relative_to(ROOT)) for path in ours} <= files
    assert {"claude_gateway/models/table.toml", "claude_gateway/py.typed"} <= files
    strangers = {name for name in files if not name.startswith("claude_gateway")}
    assert not strangers


@pytest.mark.parametrize("plugin", PLUGINS, ids=name_of)
def test_the_wheel_of_a_plugin_is_whole(plugin: Path, tmp_path: Path) -> None:
    files = wheel(plugin, tmp_path)
    package = plugin.name.replace("-", "_")
    assert {f"{package}/__init__.py", f"{package}/py.typed"} <= files
    assert not [name for name in files if not name.startswith(package)]
