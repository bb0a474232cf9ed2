"""Which files, distributions and settings an artefact holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeport.build.application import scan
from homeport.build.files import application_files
from homeport.build.packager.contents import contents_of, declared_by
from homeport.build.packager.dynamic import dynamic_imports
from homeport.build.packager.environment import Environment
from homeport.build.packager.files import chosen
from homeport.build.packager.imported import imported_names
from homeport.build.packager.project import project_of
from homeport.build.packager.requirements import Installed, Wanted, closure, declared_in_list, direct
from homeport.build.packager.settings import embedded_settings
from homeport.build.scanner.exclusion import Exclusion
from homeport.errors import UsageError

SERVICE = "from homeport import service\n\n\n@service\nclass Cart:\n    async def get(self) -> int:\n        return 1\n"


def make(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_package_that_services_import_is_taken_whole_and_others_stay_out() -> None:
    paths = [
        "shop/cart.py",
        "shop/unused.py",
        "shop/data/items.json",
        "tools/migrate.py",
        "tools/notes.txt",
        "setup.py",
    ]
    assert chosen(paths, {"shop/cart.py"}) == ["shop/cart.py", "shop/data/items.json", "shop/unused.py"]


def test_an_executable_has_only_the_modules_that_are_reached_and_all_data() -> None:
    paths = ["shop/cart.py", "shop/unused.py", "shop/data/items.json"]
    assert chosen(paths, {"shop/cart.py"}, only_reached=True) == ["shop/cart.py", "shop/data/items.json"]


def test_data_beside_flat_code_is_taken_but_not_what_every_project_has_beside_its_code() -> None:
    paths = ["cart.py", "other.py", "prices.json", "data/a.csv", "README.md", "pyproject.toml", "Dockerfile"]
    paths += ["docs/page.html", "dist/old", "tests/cases.json"]
    assert chosen(paths, {"cart.py"}) == ["cart.py", "data/a.csv", "prices.json"]


def test_of_a_part_of_the_import_root_nothing_beside_it_is_taken() -> None:
    paths = ["shop/cart.py", "notebooks/look.ipynb", "prices.json"]
    assert chosen(paths, {"shop/cart.py"}, scope="shop") == ["shop/cart.py"]


_names = st.sampled_from(["a", "b", "c", "data"])
_paths = st.lists(
    st.builds(
        lambda parts, end: "/".join(parts) + end,
        st.lists(_names, min_size=1, max_size=3),
        st.sampled_from([".py", ".json"]),
    ),
    unique=True,
)


@given(_paths, st.data(), st.booleans(), st.sampled_from(["", "a"]))
def test_all_that_is_reached_is_chosen_and_nothing_that_is_not_there(
    paths: list[str], data: st.DataObject, only_reached: bool, scope: str
) -> None:
    python = [path for path in paths if path.endswith(".py")]
    reached = set(data.draw(st.lists(st.sampled_from(python), unique=True))) if python else set()
    found = chosen(paths, reached, scope=scope, only_reached=only_reached)
    assert reached <= set(found) <= set(paths)
    assert found == sorted(found)
    if only_reached:
        assert {path for path in found if path.endswith(".py")} == reached


def files_below(root: Path, **only: Any) -> list[str]:
    return sorted(relative for relative, _ in application_files(root, Exclusion(), **only))


def test_hidden_files_environments_and_earlier_artefacts_are_no_part_of_the_application(tmp_path: Path) -> None:
    make(tmp_path, {"cart.py": "", "data/a.json": "{}"})
    make(tmp_path / "out", {"shop": "", "shop.registry.json": "{}", "shop.cdx.json": "{}"})
    make(tmp_path / "env", {"pyvenv.cfg": "", "lib.py": ""})
    make(tmp_path / ".secret", {"a.json": ""})
    (tmp_path / "loop").symlink_to(tmp_path)
    assert files_below(tmp_path) == ["cart.py", "data/a.json"]


def test_beside_a_package_only_what_its_services_import_is_looked_at(tmp_path: Path) -> None:
    for name in ("shop/cart.py", "common.py", "photos/shop/a.jpg", "photos/cart.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert files_below(tmp_path, tops={"shop", "common.py"}) == ["common.py", "shop/cart.py"]


def test_a_folder_can_be_left_out(tmp_path: Path) -> None:
    make(tmp_path, {"cart.py": "", "made/a.json": "{}"})
    assert files_below(tmp_path, leave_out=[tmp_path / "made"]) == ["cart.py"]


# -- imports -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import a.b", [("a.b", True)]),
        ("from a.b import c", [("a.b", True)]),
        ("from . import c\nfrom .d import e", []),
        ("def f():\n    import a", [("a", False)]),
        ("class C:\n    def f(self):\n        with x:\n            import a", [("a", False)]),
        ("try:\n    import a\nexcept ImportError:\n    import b", [("a", False), ("b", False)]),
        ("try:\n    import a\nfinally:\n    import b", [("a", True), ("b", True)]),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    import b",
            [("typing", True), ("b", False)],
        ),
        ("if x:\n    import a", [("a", False)]),
        ("match x:\n    case 1:\n        import a", [("a", False)]),
        ("def broken(:", []),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, expected: list[tuple[str, bool]]) -> None:
    assert [(name.name, name.needed) for name in imported_names(source.encode())] == expected


def test_relative_imports_are_told_when_the_package_is_known() -> None:
    source = b"from . import a\nfrom .b import c\nfrom ..d import e\nfrom .... import f\n"
    assert imported_names(source) == []
    found = [(name.name, name.members) for name in imported_names(source, "shop.cart")]
    assert found == [("shop.cart", ("a",)), ("shop.cart.b", ("c",)), ("shop.d", ("e",))]


# -- imports by a call -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('importlib.import_module("a.b")', ("a.b", False)),
        ('import_module("a.b")', ("a.b", False)),
        ('__import__("a")', ("a", False)),
        ('import_module(".b", __package__)', ("shop.b", False)),
        ('import_module(f"plugins.{name}")', ("plugins", True)),
        ('import_module("plugins." + name)', ("plugins", True)),
        ('import_module("plugins.v1_%s" % name)', ("plugins", True)),
        ('import_module(f".{name}", __package__)', ("shop", True)),
        ("import_module(name)", ("", True)),
        ('import_module(f"plugin_{name}")', ("", True)),
    ],
)
def test_an_import_by_a_call_is_known_as_far_as_its_name_is_written(call: str, expected: tuple[str, bool]) -> None:
    (found,) = dynamic_imports(call.encode(), "shop")
    assert (found.name, found.open_ended) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ('import_module("..b", __package__)', "shop.b"),
        ('import_module(f"..{name}", __package__)', "shop"),
        ('import_module(f"..plugins.{name}", __package__)', "shop.plugins"),
        ('import_module("....b", __package__)', ""),
    ],
)
def test_an_import_by_a_call_may_go_up_as_far_as_there_are_packages(call: str, expected: str) -> None:
    (found,) = dynamic_imports(call.encode(), "shop.web")
    assert found.name == expected


def test_calls_of_other_things_that_import_are_none() -> None:
    assert dynamic_imports(b'loader.import_module(name)\nimport_module\nimport_module()\n"import_module(x)"') == []


CALLING = SERVICE + "\n\ndef load(name):\n    import importlib\n    return importlib.import_module({name})\n"
PLUGINS = {"plugins/__init__.py": "", "plugins/one.py": "from . import two\n", "plugins/two.py": "", "other/x.py": ""}


@pytest.mark.parametrize("only_reached", [False, True])
@pytest.mark.parametrize("name", ['"plugins.one"', 'f"plugins.{name}"'])
def test_modules_that_are_imported_by_a_call_go_in_with_what_they_import(
    tmp_path: Path, name: str, only_reached: bool
) -> None:
    make(tmp_path, {"cart.py": CALLING.format(name=name), **PLUGINS})
    found = contents_of(scan(".", tmp_path), Environment(), only_reached=only_reached)
    assert found.files == ("cart.py", "plugins/__init__.py", "plugins/one.py", "plugins/two.py")
    assert found.findings == ()


def test_a_computed_import_is_told_where_an_executable_is_made_unless_it_is_said_what_it_may_be(tmp_path: Path) -> None:
    make(tmp_path, {"cart.py": CALLING.format(name="name"), **PLUGINS})
    plan, environment = scan(".", tmp_path), Environment()
    assert contents_of(plan, environment).findings == ()
    (warning,) = contents_of(plan, environment, only_reached=True).findings
    assert (warning.code, warning.severity, warning.path, warning.line) == ("HP605", "warning", "cart.py", 12)
    said = contents_of(plan, environment, only_reached=True, include=["plugins.one", "httpx>=0.1", "wave"])
    assert said.findings == ()
    assert "plugins/two.py" in said.files
    assert ("httpx" in said.distributions, said.whole) == (True, ("httpx",))
    assert "wave" in said.modules


def test_an_import_of_what_is_not_installed_is_an_error_at_its_place(tmp_path: Path) -> None:
    make(tmp_path, {"cart.py": "import surely_not_installed\n" + SERVICE})
    found = contents_of(scan(".", tmp_path), Environment())
    (error,) = found.findings
    assert (error.code, error.severity, error.path, error.line) == ("HP602", "error", "cart.py", 1)
    assert "surely_not_installed" in error.message


def test_an_import_that_a_service_can_do_without_is_none(tmp_path: Path) -> None:
    make(tmp_path, {"cart.py": "try:\n    import surely_not_installed\nexcept ImportError:\n    pass\n" + SERVICE})
    assert contents_of(scan(".", tmp_path), Environment()).findings == ()


def test_the_distributions_of_imported_modules_come_with_all_they_require(tmp_path: Path) -> None:
    make(tmp_path, {"cart.py": "import fastapi\n" + SERVICE})
    found = contents_of(scan(".", tmp_path), Environment())
    assert {"homeport", "msgspec", "fastapi", "pydantic", "pydantic-core"} <= set(found.distributions)
    assert not {"django", "hypothesis", "pytest"} & set(found.distributions)


# -- requirements ------------------------------------------------------------------------------------------------------


def index(**requires: list[str]) -> dict[str, Installed]:
    return {name: Installed(name=name, version="1.0", requires=tuple(texts)) for name, texts in requires.items()}


def names(*texts: str, **requires: list[str]) -> tuple[str, ...]:
    return closure([Wanted(text=text, source="x") for text in texts], index(**requires).get).names


def test_requirements_are_followed_through_circles() -> None:
    assert names("a", a=["b"], b=["c>=0.5"], c=["a"], d=[]) == ("a", "b", "c")


def test_extras_bring_what_they_name_and_only_if_asked_for() -> None:
    known = {"a": ["b; extra == 'more'"], "b": []}
    assert names("a", **known) == ("a",)
    assert names("a[more]", **known) == ("a", "b")


def test_requirements_for_other_machines_are_passed_over() -> None:
    assert names("a", a=["b; sys_platform == 'win32'"]) == ("a",)


def test_what_the_project_requires_and_lacks_is_an_error_at_its_line() -> None:
    wanted = [
        Wanted(text="gone>=2", source="pyproject.toml", line=7),
        Wanted(text="a>=2", source="pyproject.toml", line=8),
    ]
    gone, old = closure(wanted, index(a=[]).get).findings
    assert (gone.code, gone.severity, gone.path, gone.line) == ("HP603", "error", "pyproject.toml", 7)
    assert "gone, which is not installed" in gone.message
    assert "a>=2, and 1.0 is installed" in old.message


def test_what_a_library_lacks_is_a_warning() -> None:
    (found,) = closure([Wanted(text="a", source="x")], index(a=["b"]).get).findings
    assert (found.severity, found.message) == ("warning", "a requires b, which is not installed here")


def test_direct_requirements_go_no_further() -> None:
    assert direct("a", index(a=["b"], b=["c"], c=[]).get) == ("b",)


def test_a_list_of_requirements_is_read_with_its_comments_options_and_hashes() -> None:
    text = "# ours\n-r base.txt\nhttpx>=0.27  # http\nmsgspec==0.19 --hash=sha256:00\n./local\nhttps://x/y.whl\n\n"
    assert [(one.text, one.line) for one in declared_in_list(text)] == [("httpx>=0.27", 3), ("msgspec==0.19", 4)]


def test_a_project_declares_in_both_its_files(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"pyproject.toml": '[project]\nname = "x"\ndependencies = [\n  "httpx",\n]\n', "requirements.txt": "rich\n"},
    )
    assert [(one.text, one.line) for one in declared_by(tmp_path)] == [("httpx", 4), ("rich", 1)]


@given(st.text())
def test_no_list_of_requirements_makes_it_fail(text: str) -> None:
    closure(declared_in_list(text), lambda _: None)


# -- settings, project -------------------------------------------------------------------------------------------------


def test_settings_go_in_as_they_are(tmp_path: Path) -> None:
    make(tmp_path, {"homeport.toml": "[node]\nport = 1 # ours\n"})
    found = embedded_settings(tmp_path / "homeport.toml")
    assert found.files == {"homeport.toml": b"[node]\nport = 1 # ours\n"}
    assert found.findings == ()


def test_a_pyproject_without_settings_stays_out(tmp_path: Path) -> None:
    make(tmp_path, {"pyproject.toml": '[project]\nname = "x"\n'})
    assert embedded_settings(tmp_path / "pyproject.toml").files == {}


def test_secrets_in_the_settings_are_told_with_the_way_out(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"homeport.toml": '[node]\ntoken = "s3cret"\n[services.pay.config]\napi_key = "k"\nurl = "http://x"\n'},
    )
    token, key = embedded_settings(tmp_path / "homeport.toml").findings
    assert (token.code, token.line) == ("HP604", 2)
    assert "HOMEPORT_NODE__TOKEN" in token.hint
    assert "HOMEPORT_SERVICES__PAY__CONFIG__API_KEY" in key.hint
    assert "s3cret" not in token.message


def test_an_artefact_is_called_as_the_project_or_as_what_was_asked_for(tmp_path: Path) -> None:
    make(
        tmp_path,
        {
            "pyproject.toml": '[project]\nname = "web-shop"\nversion = "2.1"\n',
            "shop/cart.py": SERVICE,
            "shop/__init__.py": "",
        },
    )
    make(tmp_path / "examples", {"demo/a.py": SERVICE.replace("Cart", "Demo"), "demo/__init__.py": ""})
    own, example = project_of(scan(".", tmp_path)), project_of(scan("examples/demo", tmp_path))
    assert (own.name, own.version, own.folder) == ("web-shop", "2.1", tmp_path)
    assert (example.name, example.version) == ("demo", "")
    assert project_of(scan(".", tmp_path), name="x").name == "x"


@pytest.mark.parametrize("name", ["../x", "a b", "-x", ""])
def test_a_name_that_cannot_be_a_file_is_refused(tmp_path: Path, name: str) -> None:
    make(tmp_path, {"cart.py": SERVICE})
    if name:
        with pytest.raises(UsageError, match="--name"):
            project_of(scan(".", tmp_path), name=name)
    else:
        assert project_of(scan(".", tmp_path)).name
