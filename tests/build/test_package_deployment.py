"""The files for containers and systemd: parsed by others' parsers, and checked against what a node needs."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from dockerfile_parse import DockerfileParser

from homeport.build.packager.deployment.compose import compose
from homeport.build.packager.deployment.dockerfile import dockerfile, ignored_files
from homeport.build.packager.deployment.libraries import Libraries, libraries_of
from homeport.build.packager.deployment.origin import Origin, origin_of
from homeport.build.packager.deployment.place import Place
from homeport.build.packager.deployment.systemd import systemd

INDEX = Origin(requirement="homeport[build]==0.1.0")
SHOP = Place(name="Web Shop_2", target="src/shop", python="3.11", homeport=INDEX, port=8080, stages=3)


def instructions(place: Place) -> list[tuple[str, str]]:
    parser = DockerfileParser(fileobj=io.BytesIO())
    parser.content = dockerfile(place)
    return [(one["instruction"], one["value"]) for one in parser.structure if one["instruction"] != "COMMENT"]


def last_stage(place: Place) -> dict[str, str]:
    found = instructions(place)
    start = [number for number, (word, _) in enumerate(found) if word == "FROM"][-1]
    return dict(found[start:])


# -- Dockerfile --------------------------------------------------------------------------------------------------------


def test_the_image_is_built_in_one_stage_and_runs_in_another() -> None:
    stages = [value for word, value in instructions(SHOP) if word == "FROM"]
    assert stages == ["python:3.11-slim AS build", "python:3.11-slim"]
    assert ("RUN", 'homeport build "src/shop" --name web-shop-2 --output /artefact') in instructions(SHOP)
    assert last_stage(SHOP)["COPY"] == "--from=build /artefact/web-shop-2 /usr/local/bin/web-shop-2"


def test_the_container_runs_as_a_user_without_rights_whose_data_is_a_volume() -> None:
    stage = last_stage(SHOP)
    assert stage["USER"] == "10001:10001"  # by number: whatever a project is called, such as `mail`, and not root
    assert stage["VOLUME"] == stage["WORKDIR"] == "/data"


def test_the_program_is_started_without_a_shell_and_told_to_stop_by_sigterm() -> None:
    stage = last_stage(SHOP)
    assert json.loads(stage["ENTRYPOINT"]) + json.loads(stage["CMD"]) == [
        *("web-shop-2", "run", "--host", "0.0.0.0", "--port", "8080")
    ]
    assert stage["STOPSIGNAL"] == "SIGTERM"


def test_no_secret_stands_in_the_image_and_it_does_not_switch_protection_off() -> None:
    set_in_image = " ".join(value for word, value in instructions(SHOP) if word in ("ENV", "ARG"))
    assert "TOKEN" not in set_in_image
    assert "PLAIN_HTTP" not in set_in_image


def test_health_is_asked_of_the_front_by_a_program_that_the_image_has() -> None:
    check = last_stage(SHOP)["HEALTHCHECK"]
    command = json.loads(check[check.index("CMD") + 3 :])
    assert command == SHOP.health_check
    assert "http://127.0.0.1:8080/readyz" in command[-1]
    compile(command[-1], "health", "exec")


@pytest.mark.parametrize("tls", [False, True])
def test_the_health_check_fails_when_nobody_answers(tls: bool) -> None:
    closed = Place(name="x", python="3.11", homeport=INDEX, port=1, tls=tls)
    ran = subprocess.run([sys.executable, *closed.health_check[1:]], capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "refused" in ran.stderr


LIST, OWN, BUILT = "requirements.txt", "pyproject.toml", "."


@pytest.mark.parametrize(
    ("libraries", "expected"),
    [
        (Libraries(), ["COPY . ."]),
        (Libraries(files=(LIST,)), ["COPY requirements.txt ./", "-r requirements.txt", "COPY . ."]),
        (Libraries(files=(LIST,), alone=False), ["COPY . .", "-r requirements.txt"]),
        (Libraries(files=(OWN,)), ["COPY pyproject.toml ./", "-r /tmp/requirements.txt", "COPY . ."]),
        (
            Libraries(files=(LIST, OWN)),
            ["COPY requirements.txt pyproject.toml ./", "-r requirements.txt", "-r /tmp/requirements.txt", "COPY . ."],
        ),
        (Libraries(files=(BUILT,)), ["COPY . .", "pip install --no-cache-dir ."]),
    ],
)
def test_libraries_are_installed_as_the_project_declares_them_before_its_source_if_they_can(
    libraries: Libraries, expected: list[str]
) -> None:
    text = dockerfile(Place(name="x", python="3.11", homeport=INDEX, libraries=libraries))
    source = text[text.index("WORKDIR /source") : text.index("RUN homeport build")]
    positions = [source.index(part) for part in expected]
    assert positions == sorted(positions)
    assert source.count("COPY") + source.count("-r ") == len([part for part in expected if "pip" not in part])


def test_what_a_pyproject_requires_is_read_by_the_command_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\ndependencies = ["a>=1; python_version>\'3\'", "b"]\n'
    )
    text = dockerfile(Place(name="x", python="3.11", homeport=INDEX, libraries=Libraries(files=(OWN,))))
    command = text[text.index("RUN python -c") + 4 : text.index(" > /tmp/requirements.txt")].replace("\\\n", "")
    command = command.replace("python", sys.executable, 1)
    ran = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["a>=1; python_version>'3'", "b"]


@pytest.mark.parametrize(
    ("pyproject", "requirements", "expected"),
    [
        (None, None, Libraries()),
        ("[tool.ruff]\n", None, Libraries()),
        ("broken", "msgspec\n", Libraries(files=(LIST,))),
        ('[project]\ndependencies = ["msgspec"]\n', None, Libraries(files=(OWN,))),
        ('[project]\ndynamic = ["dependencies"]\n', None, Libraries(files=(BUILT,))),
        ('[project]\ndependencies = ["msgspec"]\n', "httpx\n", Libraries(files=(LIST, OWN))),
        (None, "httpx\n-r base.txt\n", Libraries(files=(LIST,), alone=False)),
        (None, "./libs/ours\n", Libraries(files=(LIST,), alone=False)),
        (None, "ours @ file:libs/ours\n", Libraries(files=(LIST,), alone=False)),
        (None, "--extra-index-url https://example.org/simple\nours\n", Libraries(files=(LIST,))),
    ],
)
def test_which_files_of_a_project_say_what_to_install(
    pyproject: str | None, requirements: str | None, expected: Libraries
) -> None:
    assert libraries_of(pyproject, requirements) == expected


def test_a_homeport_from_a_folder_is_taken_from_a_build_context_that_the_file_tells_how_to_name() -> None:
    place = Place(name="x", python="3.11", homeport=Origin(requirement="/homeport[build]", folder="/src/home port"))
    text = dockerfile(place)
    assert "docker build --build-context homeport='/src/home port' -t x ." in text
    assert 'COPY --from=homeport . /homeport/\nRUN pip install --no-cache-dir "/homeport[build]"\n' in text
    contexts = yaml.safe_load(compose(place))["services"]["x"]["build"]
    assert contexts == {"context": ".", "additional_contexts": {"homeport": "/src/home port"}}


def test_a_homeport_from_an_index_needs_no_build_context() -> None:
    assert ("RUN", 'pip install --no-cache-dir "homeport[build]==0.1.0"') in instructions(SHOP)
    assert "--build-context" not in dockerfile(SHOP)
    assert yaml.safe_load(compose(SHOP))["services"]["web-shop-2"]["build"] == {"context": "."}


def test_what_git_fetches_is_installed_in_an_image_that_has_git() -> None:
    place = Place(name="x", python="3.11", homeport=Origin(requirement="homeport[build] @ git+u@c", needs_git=True))
    stages = [value for word, value in instructions(place) if word == "FROM"]
    assert stages == ["python:3.11 AS build", "python:3.11-slim"]


def test_what_a_build_does_not_need_is_not_sent_to_it() -> None:
    assert {".env", ".venv", ".homeport", "dist"} <= set(ignored_files().split())


# -- where Homeport came from ------------------------------------------------------------------------------------------

AT = "https://example.org/homeport"


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (None, Origin(requirement="homeport[build]==0.1.0")),
        (
            {"url": f"{AT}.git", "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "ab12"}},
            Origin(requirement=f"homeport[build] @ git+{AT}.git@ab12", needs_git=True),
        ),
        (
            {"url": AT, "vcs_info": {"vcs": "hg", "commit_id": "ab12"}, "subdirectory": "python"},
            Origin(requirement=f"homeport[build] @ hg+{AT}@ab12#subdirectory=python"),
        ),
        (
            {"url": "file:///home/me/home%20port", "dir_info": {"editable": True}},
            Origin(requirement="/homeport[build]", folder="/home/me/home port"),
        ),
        (
            {"url": "file:///home/me/homeport", "dir_info": {}},
            Origin(requirement="/homeport[build]", folder="/home/me/homeport"),
        ),
        ({"url": f"{AT}-0.1.0.tar.gz", "archive_info": {}}, Origin(requirement=f"homeport[build] @ {AT}-0.1.0.tar.gz")),
        (
            {"url": "file:///tmp/homeport-0.1.0-py3-none-any.whl", "archive_info": {}},
            Origin(
                requirement="/homeport/homeport-0.1.0-py3-none-any.whl[build]",
                folder="/tmp",
                file="homeport-0.1.0-py3-none-any.whl",
            ),
        ),
    ],
    ids=["index", "git", "other version control", "editable", "folder", "archive", "wheel"],
)
def test_an_image_has_the_homeport_that_is_installed(recorded: dict[str, object] | None, expected: Origin) -> None:
    assert origin_of("0.1.0", json.dumps(recorded) if recorded else None) == expected


# -- compose -----------------------------------------------------------------------------------------------------------


def test_the_compose_file_keeps_data_gives_time_to_stop_and_looks_at_health() -> None:
    found = yaml.safe_load(compose(SHOP))
    service = found["services"]["web-shop-2"]
    assert service["volumes"] == ["web-shop-2-data:/data"]
    assert list(found["volumes"]) == ["web-shop-2-data"]
    assert service["stop_grace_period"] == "60s"  # the front and three stages, 10 + 5 s each
    assert service["healthcheck"]["test"] == ["CMD", *SHOP.health_check]
    assert service["init"] is True


def test_what_compose_publishes_is_reached_from_this_machine_only_and_wants_a_token() -> None:
    service = yaml.safe_load(compose(SHOP))["services"]["web-shop-2"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert service["environment"]["HOMEPORT_NODE__TOKEN"].startswith("${HOMEPORT_NODE__TOKEN:?")


def test_a_node_with_tls_and_a_token_of_its_own_is_told_nothing_about_them() -> None:
    place = Place(name="x", python="3.11", homeport=INDEX, tls=True, token=True)
    text = compose(place)
    assert yaml.safe_load(text)["services"]["x"]["environment"] is None
    assert "https://127.0.0.1" in text


# -- systemd -----------------------------------------------------------------------------------------------------------


def sections(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit.splitlines():
        if line.startswith("["):
            current = found.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            current.append(line)
    return found


def test_the_unit_lets_workers_outlive_a_node_process_and_be_taken_over() -> None:
    service = sections(systemd(SHOP))["Service"]
    assert {"KillMode=process", "Restart=on-failure", "TimeoutStopSec=60"} <= set(service)


def test_the_unit_has_a_user_and_folders_of_its_own() -> None:
    service = sections(systemd(SHOP, "/opt/shop"))["Service"]
    assert {
        "ExecStart=/opt/shop run",
        "DynamicUser=yes",
        "StateDirectory=web-shop-2",
        "WorkingDirectory=%S/web-shop-2",
        "Environment=HOMEPORT_ROOT=%C/web-shop-2",
    } <= set(service)


def test_the_unit_has_no_rights_but_the_one_that_a_low_port_takes() -> None:
    low = Place(name="x", python="3.11", homeport=INDEX, port=443)
    assert "CapabilityBoundingSet=" in sections(systemd(SHOP))["Service"]
    assert "AmbientCapabilities" not in systemd(SHOP)
    assert {
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
        "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    } <= set(sections(systemd(low))["Service"])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd here to ask")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "shop.service"
    unit.write_text(systemd(SHOP, "/bin/true"))
    ran = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "label"), [("shop", "shop"), ("Web Shop_2", "web-shop-2"), ("__", "app"), ("a.b", "a-b")]
)
def test_a_name_becomes_one_that_every_manager_takes(name: str, label: str) -> None:
    assert Place(name=name, python="3.11", homeport=INDEX).label == label
