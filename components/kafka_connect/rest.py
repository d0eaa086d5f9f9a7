"""What protects Connect's REST API, which lets its callers read files through config providers: a login, and TLS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi

from components import ports
from components.jaas import APP_UID, module, quoted
from components.service import File
from components.tls.authority import KEYSTORE_PASSWORD
from components.tls.certificate import ServerCertificate
from components.tls.files import CA_PATH, FOLDER, KEYSTORE_PATH, keystore_file

EXTENSION: Final = "org.apache.kafka.connect.rest.basic.auth.extension.BasicAuthSecurityRestExtension"
LOGIN_MODULE: Final = "org.apache.kafka.connect.rest.basic.auth.extension.PropertyFileLoginModule"
USERS_PATH: Final = f"{FOLDER}/connect-users.properties"
CURL_FOLDER: Final = FOLDER
"""`curl` finds login and authority in a file there, so that no process list shows them."""


@dataclass(frozen=True)
class RestSecurity:
    """How the workers' REST API is reached."""

    username: str = ""
    """Empty: nobody is asked."""
    password: pulumi.Input[str] = ""
    certificate: ServerCertificate | None = None
    """With it the API speaks https only; the workers share it."""

    @property
    def scheme(self) -> str:
        """Of its URL."""
        return "https" if self.certificate else "http"

    @property
    def ready_status(self) -> int:
        """HTTP status of a worker that is ready, to somebody who does not log in."""
        return 401 if self.username else 200

    def environment(self) -> dict[str, str]:
        """Of a worker."""
        env = {"CONNECT_LISTENERS": f"{self.scheme}://0.0.0.0:{ports.CONNECT_REST}"}
        if self.certificate:
            # Jetty reads no PEM. Workers that pass a request on to their leader trust what they have themselves.
            for store in ("KEYSTORE", "TRUSTSTORE"):
                prefix = f"CONNECT_LISTENERS_HTTPS_SSL_{store}_"
                env |= {
                    f"{prefix}TYPE": "PKCS12",
                    f"{prefix}LOCATION": KEYSTORE_PATH,
                    f"{prefix}PASSWORD": KEYSTORE_PASSWORD,
                }
        return env | ({"CONNECT_REST_EXTENSION_CLASSES": EXTENSION} if self.username else {}) | self.curl_environment()

    def curl_environment(self) -> dict[str, str]:
        """Of a container in which `curl` calls the API."""
        return {"CURL_HOME": CURL_FOLDER} if self.username or self.certificate else {}

    def jaas_sections(self) -> dict[str, pulumi.Input[str]]:
        """What a worker's JAAS file has to hold."""
        return {"KafkaConnect": module(LOGIN_MODULE, {"file": USERS_PATH})} if self.username else {}

    def files(self) -> list[File]:
        """What a worker reads, besides its JAAS file."""
        users = pulumi.Output.from_input(self.password).apply(self._users)
        return [
            *([keystore_file(self.certificate, APP_UID)] if self.certificate else []),
            *([File(USERS_PATH, users, secret=True, owner_uid=APP_UID)] if self.username else []),
            *self.curl_files(),
        ]

    def curl_files(self) -> list[File]:
        """What `curl` reads."""
        if not self.curl_environment():
            return []
        content = pulumi.Output.from_input(self.password).apply(self._curlrc)
        return [File(f"{CURL_FOLDER}/.curlrc", content, secret=True, owner_uid=APP_UID)]

    def _users(self, password: str) -> str:
        escaped = password.replace("\\", "\\\\")
        return f"{self.username}={escaped}\n"

    def _curlrc(self, password: str) -> str:
        lines: Mapping[str, str] = ({"user": f"{self.username}:{password}"} if self.username else {}) | (
            {"cacert": CA_PATH} if self.certificate else {}
        )
        return "".join(f"{name} = {quoted(value)}\n" for name, value in lines.items())


OPEN: Final = RestSecurity()
"""Plain, and nobody is asked."""
