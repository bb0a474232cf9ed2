"""A Dockerfile: one stage builds the artefact, the other has nothing but it."""

from __future__ import annotations

import json
import shlex

from homeport.build.packager.deployment.libraries import Libraries
from homeport.build.packager.deployment.origin import Origin
from homeport.build.packager.deployment.place import Place

_USER = 10001


def dockerfile(place: Place) -> str:
    """For ``docker build .`` in the project's folder, with the build context that a comment at its top names."""
    homeport = place.homeport
    context = f"--build-context homeport={shlex.quote(homeport.folder)} " if homeport.folder else ""
    builder = f"python:{place.python}" if homeport.needs_git else f"python:{place.python}-slim"
    return f"""\
# syntax=docker/dockerfile:1
# {place.name}, built by `homeport build` and run by a user of its own.
#
#   docker build {context}-t {place.label} .
#   docker run --init -p 127.0.0.1:{place.port}:{place.port} -v {place.label}-data:/data \\
#       -e HOMEPORT_NODE__TOKEN=… -e HOMEPORT_NODE__PLAIN_HTTP=true {place.label}
#
# A container is reached from outside, so the node wants a token; and TLS, unless something in front of it ends that.

FROM {builder} AS build
WORKDIR /source
{_install_homeport(homeport)}{_copy_source(place.libraries)}\
RUN homeport build {json.dumps(place.target)} --name {place.label} --output /artefact

FROM python:{place.python}-slim
# By number, so that an engine can tell that it is not root.
RUN useradd --uid {_USER} --user-group --no-create-home --home-dir /data homeport \\
    && install --directory --owner {_USER} --group {_USER} /data /opt/{place.label}
COPY --from=build /artefact/{place.label} /usr/local/bin/{place.label}
USER {_USER}:{_USER}
# Unpacked now, so that a container starts at once and its file system may be read-only.
ENV HOMEPORT_ROOT=/opt/{place.label}
RUN ["{place.label}", "--version"]
WORKDIR /data
VOLUME /data
EXPOSE {place.port}
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \\
    CMD {json.dumps(place.health_check)}
ENTRYPOINT ["{place.label}"]
CMD ["run", "--host", "0.0.0.0", "--port", "{place.port}"]
"""


def _install_homeport(homeport: Origin) -> str:
    install = f'RUN pip install --no-cache-dir "{homeport.requirement}"\n'
    if not homeport.folder:
        return install
    return (
        "# The build context that the command above names: what Homeport was installed from where this was written.\n"
        f"COPY --from=homeport {homeport.file or '.'} /homeport/\n{install}"
    )


def _copy_source(libraries: Libraries) -> str:
    """Lists of libraries go first, so that these are installed anew only when they change."""
    late = [name for name in libraries.files if name == "." or (name == "requirements.txt" and not libraries.alone)]
    early = [name for name in libraries.files if name not in late]
    first = f"COPY {' '.join(early)} ./\n" if early else ""
    return "".join([first, *(_INSTALLS[name] for name in early), "COPY . .\n", *(_INSTALLS[name] for name in late)])


# What a pyproject.toml requires is installed without the project itself: many an application is no package to build.
_INSTALLS = {
    "requirements.txt": "RUN pip install --no-cache-dir -r requirements.txt\n",
    "pyproject.toml": """\
RUN python -c "import sys, tomllib; print(*tomllib.load(sys.stdin.buffer)['project']['dependencies'], sep='\\n')" \\
        < pyproject.toml > /tmp/requirements.txt \\
    && pip install --no-cache-dir -r /tmp/requirements.txt
""",
    ".": "RUN pip install --no-cache-dir .\n",
}


def ignored_files() -> str:
    """What a Docker build does not need; ``.git`` stays, as it tells the revision."""
    return "\n".join([".env", ".homeport", ".venv", "**/__pycache__", "build", "dist", "node_modules", ""])
