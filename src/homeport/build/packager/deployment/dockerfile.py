"""A Dockerfile: one stage builds the artefact, the other has nothing but it."""

from __future__ import annotations

import json

from homeport.build.packager.deployment.place import Place


def dockerfile(place: Place) -> str:
    """For ``docker build .`` in the project's folder."""
    project = f"RUN pip install --no-cache-dir {place.installs}\n" if place.installs else ""
    copies = "" if place.installs != "-r requirements.txt" else "COPY requirements.txt ./\n"
    early = copies + project if copies else ""
    return f"""\
# syntax=docker/dockerfile:1
# {place.name}, built by `homeport build` and run by a user of its own.
#
#   docker build -t {place.label} .
#   docker run --init -p 127.0.0.1:{place.port}:{place.port} -v {place.label}-data:/data \\
#       -e HOMEPORT_NODE__TOKEN=… -e HOMEPORT_NODE__PLAIN_HTTP=true {place.label}
#
# A container is reached from outside, so the node wants a token; and TLS, unless something in front of it ends that.

FROM python:{place.python}-slim AS build
WORKDIR /source
RUN pip install --no-cache-dir "homeport[build]=={place.homeport}"
{early}COPY . .
{"" if copies else project}RUN homeport build {json.dumps(place.target)} --name {place.label} --output /artefact

FROM python:{place.python}-slim
RUN useradd --system --uid 10001 --no-create-home --home-dir /data {place.label} \\
    && install --directory --owner {place.label} /data /opt/{place.label}
COPY --from=build /artefact/{place.label} /usr/local/bin/{place.label}
USER {place.label}
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


def ignored_files() -> str:
    """What a Docker build does not need; ``.git`` stays, as it tells the revision."""
    return "\n".join([".env", ".homeport", ".venv", "**/__pycache__", "build", "dist", "node_modules", ""])
