"""Where the Homeport that is installed came from, so that an image can have the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

import msgspec


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What pip installs inside an image."""

    requirement: str  # "homeport[build]==0.1.0", or with an address
    folder: str = ""  # on this machine, which the build is given under the name `homeport`; "": none is needed
    file: str = ""  # the one in it that is wanted; "": all of it
    needs_git: bool = False


def origin_of(version: str, direct_url: str | None) -> Origin:
    """The origin that an installer has recorded.

    ``direct_url`` is the text of ``direct_url.json``, which only an installation that did not come from an index has.
    Source: https://packaging.python.org/en/latest/specifications/direct-url/
    """
    recorded = msgspec.json.decode(direct_url, type=dict[str, object]) if direct_url else {}
    url = str(recorded.get("url", ""))
    if not url:
        return Origin(requirement=f"homeport[build]=={version}")
    below = f"#subdirectory={recorded['subdirectory']}" if recorded.get("subdirectory") else ""
    of_version_control = recorded.get("vcs_info")
    if isinstance(of_version_control, Mapping):
        system, commit = of_version_control["vcs"], of_version_control["commit_id"]
        return Origin(requirement=f"homeport[build] @ {system}+{url}@{commit}{below}", needs_git=system == "git")
    address = urlsplit(url)
    if address.scheme != "file":
        return Origin(requirement=f"homeport[build] @ {url}{below}")
    path = PurePosixPath(unquote(address.path))
    if "dir_info" in recorded:
        return Origin(requirement="/homeport[build]", folder=str(path))
    return Origin(requirement=f"/homeport/{path.name}[build]", folder=str(path.parent), file=path.name)
