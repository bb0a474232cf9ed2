"""A systemd unit: a user and a folder of its own, an orderly end, and services that outlive a crash of the node."""

from __future__ import annotations

from homeport.build.packager.deployment.place import Place

_UNPRIVILEGED = 1024  # the first port that any user may open


def systemd(place: Place, program: str = "") -> str:
    """A unit for the artefact at ``program``, an absolute path."""
    label = place.label
    program = program or f"/usr/local/bin/{place.name}"
    rights = "CapabilityBoundingSet="
    if place.port < _UNPRIVILEGED:
        rights += "CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE"
    return f"""\
# Install:  install dist/{place.name} {program}
#           install --mode=644 {label}.service /etc/systemd/system/
#           systemctl enable --now {label}
# Look:     cd /var/lib/{label} && sudo {program} ps
# Secrets:  /etc/{label}.env, mode 600, as in HOMEPORT_NODE__TOKEN=…

[Unit]
Description={place.name}, services run by Homeport
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=60
StartLimitBurst=10

[Service]
Type=exec
ExecStart={program} run
EnvironmentFile=-/etc/{label}.env
DynamicUser=yes
StateDirectory={label}
StateDirectoryMode=0700
WorkingDirectory=%S/{label}
CacheDirectory={label}
Environment=HOMEPORT_ROOT=%C/{label}

# A node process that crashes leaves its workers serving; the next one, started at once, takes them over. So only the
# main process is told to stop: it has the workers drain. Workers without a node process end by themselves.
Restart=on-failure
RestartSec=1
KillMode=process
TimeoutStopSec={place.stop_seconds}
SuccessExitStatus=130

NoNewPrivileges=yes
{rights}
PrivateDevices=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
UMask=0077

[Install]
WantedBy=multi-user.target
"""
