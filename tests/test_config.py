"""Settings: read once, checked whole, each with its origin."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.config import REDACTED, Config, Loaded, NodeConfig, load, redacted, walk
from homeport.config_sources import settings_file
from homeport.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder that no settings file above it reaches."""
    (tmp_path / "homeport.toml").write_text("")
    return tmp_path


def settings(project: Path, text: str, environ: dict[str, str] | None = None, **more: Any) -> Loaded:
    (project / "homeport.toml").write_text(text)
    return load(project, environ or {}, **more)


def refusal(project: Path, text: str = "", environ: dict[str, str] | None = None, **more: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        settings(project, text, environ, **more)
    return str(caught.value)


# -- where values come from --------------------------------------------------------------------------------------------


def test_without_any_source_everything_has_its_default(project: Path) -> None:
    loaded = settings(project, "")
    assert loaded.config == Config()
    assert loaded.origin("node.port") == "default"


def test_a_file_sets_values_and_is_their_origin(project: Path) -> None:
    loaded = settings(project, "[node]\nport = 8080\n[services.payment]\nreplicas = 2\n")
    assert loaded.config.node.port == 8080
    assert loaded.config.services["payment"].replicas == 2
    assert loaded.origin("node.port") == str(project / "homeport.toml")


def test_a_table_in_pyproject_does_as_well(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.homeport.node]\nport = 8080\n")
    loaded = load(tmp_path, {})
    assert loaded.config.node.port == 8080
    assert loaded.origin("node.port") == f"{tmp_path / 'pyproject.toml'} [tool.homeport]"


def test_the_nearest_file_upward_counts(project: Path) -> None:
    (project / "homeport.toml").write_text("[node]\nport = 1\n")
    inner = project / "shop" / "cart"
    inner.mkdir(parents=True)
    assert load(inner, {}).config.node.port == 1
    (project / "shop" / "homeport.toml").write_text("[node]\nport = 2\n")
    assert load(inner, {}).config.node.port == 2


def test_settings_in_both_files_of_a_folder_are_refused(project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.homeport.node]\nport = 1\n")
    assert "move all into one" in refusal(project, "[node]\nport = 2\n")


def test_the_environment_beats_the_file_and_flags_beat_both(project: Path) -> None:
    text, environ = (
        "[node]\nport = 1\nhost = 'a'\nname = 'f'\n",
        {
            "HOMEPORT_NODE__PORT": "2",
            "HOMEPORT_NODE__HOST": "b",
        },
    )
    loaded = settings(project, text, environ, flags={"node.port": 3, "node.host": None})
    assert (loaded.config.node.port, loaded.config.node.host, loaded.config.node.name) == (3, "b", "f")
    assert [loaded.origin(f"node.{key}") for key in ("port", "host")] == ["--port", "HOMEPORT_NODE__HOST"]


def test_the_real_environment_beats_the_env_file(project: Path) -> None:
    (project / ".env").write_text("HOMEPORT_NODE__PORT=1\nHOMEPORT_NODE__NAME=dot\nDATABASE=dot\nUSER=dot\n")
    loaded = load(project, {"HOMEPORT_NODE__PORT": "2", "USER": "real"}, read_env_file=True)
    assert (loaded.config.node.port, loaded.config.node.name) == (2, "dot")
    assert loaded.origin("node.name") == ".env: HOMEPORT_NODE__NAME"
    assert (loaded.environment["DATABASE"], loaded.environment["USER"]) == ("dot", "real")


def test_the_env_file_is_read_only_when_asked_for(project: Path) -> None:
    (project / ".env").write_text("HOMEPORT_NODE__PORT=1\n")
    assert load(project, {}).config.node.port == 7070


def test_an_env_file_that_was_named_must_exist(project: Path) -> None:
    assert "prod.env" in refusal(project, "[node]\nenv_file = 'prod.env'\n", read_env_file=True)


def test_variables_that_are_no_settings_are_left_alone(project: Path) -> None:
    environ = {"HOMEPORT_NODE": "shop", "HOMEPORT_PORT": "tcp://10.0.0.1:80", "HOMEPORT_SERVICE_HOST": "x"}
    assert settings(project, "", environ).config == Config()


def test_the_short_variables_set_the_data_folder_and_forced_rpc(project: Path) -> None:
    loaded = settings(project, "", {"HOMEPORT_DATA": "/d", "HOMEPORT_FORCE_RPC": "1"})
    assert (loaded.config.node.data, loaded.config.node.force_rpc) == ("/d", True)


def test_set_assigns_any_path(project: Path) -> None:
    loaded = settings(project, "", assignments=["services.payment.config.key=a=b", "node.exclude=x, y"])
    assert loaded.config.services["payment"].config == {"key": "a=b"}
    assert loaded.config.node.exclude == ("x", "y")


def test_keys_of_a_config_keep_the_spelling_of_the_file(project: Path) -> None:
    text = "[services.payment.config]\napiKey = 'x'\n"
    loaded = settings(project, text, {"HOMEPORT_SERVICES__PAYMENT__CONFIG__APIKEY": "y"})
    assert loaded.config.services["payment"].config == {"apiKey": "y"}


@pytest.mark.parametrize(("text", "seconds"), [("'250ms'", 0.25), ("'5m'", 300.0), ("2", 2.0), ("0.5", 0.5)])
def test_durations_are_seconds_or_text_with_a_unit(project: Path, text: str, seconds: float) -> None:
    loaded = settings(project, f"[node]\ndrain_timeout = {text}\n[services.a.methods.m]\ntimeout = {text}\n")
    assert loaded.config.node.drain_timeout == seconds
    assert loaded.config.services["a"].methods["m"].timeout == seconds


# -- what is wrong with them -------------------------------------------------------------------------------------------


def test_an_unknown_key_names_its_file_itself_and_what_comes_near(project: Path) -> None:
    message = refusal(project, "[node]\nprot = 1\n")
    assert message == f"{project / 'homeport.toml'}: unknown setting node.prot; did you mean port?"


def test_an_unknown_section_of_a_variable_is_told(project: Path) -> None:
    assert "HOMEPORT_NODE__" in refusal(project, environ={"HOMEPORT_NOD__PORT": "1"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[node]\nport = 'x'", "node.port"),
        ("[node]\nport = 70000", "node.port"),
        ("[node]\nlayout = 'wide'", "must be one of"),
        ("[node]\nready_timeout = 'soon'", "node.ready_timeout"),
        ("[node]\ndrain_timeout = -1", "node.drain_timeout"),
        ("node = 3", "node"),
        ("[node.port]\na = 1", "takes a plain value"),
        ("[services.Pay]\nreplicas = 1", "services.Pay"),
        ("[services.pay]\nreplicas = -1", "services.pay.replicas"),
        ("[services.pay.methods.charge]\ntimout = 1", "did you mean timeout?"),
        ("port =", "not valid TOML"),
    ],
)
def test_a_wrong_value_is_told_by_its_path_and_file(project: Path, text: str, told: str) -> None:
    message = refusal(project, text)
    assert told in message
    assert "homeport.toml" in message


def test_an_assignment_without_a_value_shows_how_it_is_written(project: Path) -> None:
    assert "--set node.port=7171" in refusal(project, assignments=["node.port"])


def test_a_wrong_secret_is_not_shown(project: Path) -> None:
    message = refusal(project, "[node]\ntoken = 12345\n")
    assert "12345" not in message
    assert "node.token" in message


def test_text_from_variables_is_read_as_the_type_that_is_wanted(project: Path) -> None:
    environ = {
        "HOMEPORT_NODE__PLAIN_HTTP": "yes",
        "HOMEPORT_NODE__EXCLUDE": '["a", "b"]',
        "HOMEPORT_SERVICES__A__WEIGHT": "2.5",
        "HOMEPORT_SERVICES__A__CONFIG__TAGS": '["x"]',
        "HOMEPORT_SERVICES__A__CONFIG__CODE": "007",
    }
    config = settings(project, "", environ).config
    assert config.node.plain_http is True
    assert config.node.exclude == ("a", "b")
    assert config.services["a"].weight == 2.5
    assert config.services["a"].config == {"tags": ["x"], "code": "007"}


# -- secrets -----------------------------------------------------------------------------------------------------------


def test_secrets_are_replaced_wherever_they_stand(project: Path) -> None:
    config = {"api_key": "s1", "db": {"password": "s2"}, "url": "postgres://me:s3@host/db", "keyboard": "shown"}
    loaded = load(project, {"HOMEPORT_NODE__TOKEN": "s0"}, flags={"services.pay.config": config})
    shown = repr(redacted(loaded.config)) + repr(loaded.config)
    assert not any(secret in shown for secret in ("s0", "s1", "s2", "s3"))
    assert "postgres://me:***@host/db" in shown
    assert "keyboard" in shown
    assert "shown" in shown


def test_an_unset_token_shows_as_unset() -> None:
    assert redacted(NodeConfig())["token"] == ""
    assert redacted(NodeConfig(token="x"))["token"] == REDACTED


def test_walking_lists_every_setting_by_its_path(project: Path) -> None:
    found: dict[str, Any] = {}
    walk(settings(project, "[services.a.config]\nk = 1\n").config, found.__setitem__)
    assert found["node.port"] == 7070
    assert found["services.a.config.k"] == 1


@given(st.text(max_size=200))
def test_any_text_in_the_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "homeport.toml").write_text(text, encoding="utf-8", errors="replace")
    with contextlib.suppress(ConfigError):
        load(folder, {})


def test_a_file_that_is_no_utf_8_is_told(project: Path) -> None:
    (project / "homeport.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(project, {})


def test_the_search_begins_at_a_file_as_well_as_at_a_folder(project: Path) -> None:
    module = project / "orders.py"
    module.write_text("")
    assert settings_file(module) == project / "homeport.toml"
