"""Certificates for the stack's own servers, and what its clients trust, as the program hands them out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import pulumi

from components.service import Host
from components.tls.certificate import ServerCertificate, ServerCertificateArgs
from infra.settings import Settings

PROJECT = Path(__file__).parents[1]
STATE_FOLDER = ".state"


@dataclass
class Certificates:
    """Those of the stack's servers."""

    settings: Settings
    host: Host
    ends: dict[str, pulumi.Output[str]] = field(default_factory=dict)
    """When each of them ends, by service."""

    def server(self, name: str, aliases: list[str], *, client: bool = False) -> ServerCertificate | None:
        """The certificate of a service for its names on the network and on the host; None in a stack without TLS."""
        transport = self.settings.transport
        if not transport.enabled:
            return None
        names = list(dict.fromkeys([*aliases, "localhost", "127.0.0.1", self.host.bind_address]))
        made = ServerCertificate(name, ServerCertificateArgs(names, transport.authority_fingerprint, client))
        self.ends[name] = made.not_after
        return made


def trusted_file(settings: Settings) -> str | None:
    """The trusted authorities as a file, for the plug-ins that read them from one; None where there are none.

    The path is relative to the project, where plug-ins run, so that it is the same in every checkout.
    """
    if not settings.transport.trusted:
        return None
    folder = PROJECT / STATE_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"trusted-{settings.stack}.pem"
    if not path.exists() or path.read_text() != settings.transport.trusted:
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(settings.transport.trusted)
        temporary.replace(path)
    return path.relative_to(PROJECT).as_posix()
