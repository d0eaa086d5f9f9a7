"""A server's certificate as a resource, signed by the authority that the stack's configuration holds."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

import pulumi
from pulumi.dynamic import (
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from components.provider_errors import ProviderError, short_errors
from components.tls.authority import Authority, AuthorityError

AUTHORITY_KEY: Final = "tlsAuthority"
"""Config key of the authority: never an input, so that its key is no part of a resource."""
VALID_DAYS: Final = 398
RENEW_DAYS: Final = 90
"""`up` makes a certificate anew when it ends within this time."""
_INPUTS: Final = ("names", "client", "authority")


@dataclass(frozen=True)
class ServerCertificateArgs:
    """Whose certificate it is."""

    names: Sequence[str]
    """DNS names and IP addresses under which clients reach the server."""
    authority: str
    """Fingerprint of the authority: another one signs anew."""
    client: bool = False
    """Whether the server also logs in with it, at others of its kind."""


class CertificateProvider(ResourceProvider):
    """Signs in `create` and `update`; asks nobody."""

    serialize_as_secret_always = False
    now: ClassVar[Callable[[], datetime]] = lambda: datetime.now(UTC)
    _authority: str = ""

    def configure(self, req: ConfigureRequest) -> None:
        """Take the authority from the stack's configuration."""
        self._authority = req.config.get(AUTHORITY_KEY) or ""

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Sign anew when something changed, or the end is near."""
        changed = any(olds.get(name) != news.get(name) for name in _INPUTS)
        return DiffResult(changes=changed or self._ends_soon(olds))

    @short_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make key and certificate."""
        return CreateResult(props["names"][0], self._sign(props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The state is all there is."""
        return ReadResult(id_, props)

    @short_errors
    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Make both anew."""
        return UpdateResult(self._sign(news))

    def _ends_soon(self, olds: dict[str, Any]) -> bool:
        end = datetime.fromisoformat(olds["not_after"])
        return type(self).now() > end - timedelta(days=RENEW_DAYS)

    def _sign(self, props: dict[str, Any]) -> dict[str, Any]:
        try:
            authority = Authority.parse(self._authority)
        except AuthorityError as error:
            raise ProviderError(f"certificate of {props['names'][0]}: config key {AUTHORITY_KEY} {error}") from None
        signed = authority.issue(props["names"], VALID_DAYS, type(self).now(), client=bool(props.get("client")))
        return {name: props[name] for name in _INPUTS if name in props} | {
            "certificate_pem": signed.certificate_pem,
            "private_key_pem": signed.private_key_pem,
            "keystore_base64": base64.b64encode(signed.keystore()).decode(),
            "not_after": signed.not_after.isoformat(timespec="seconds"),
        }


class ServerCertificate(Resource, module="tls", name="ServerCertificate"):
    """Certificate and key of one server. The key is a secret output, encrypted in the state."""

    certificate_pem: pulumi.Output[str]
    private_key_pem: pulumi.Output[str]
    keystore_base64: pulumi.Output[str]
    """Both as PKCS #12."""
    not_after: pulumi.Output[str]

    def __init__(self, name: str, args: ServerCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        outputs = dict.fromkeys(("certificate_pem", "private_key_pem", "keystore_base64", "not_after"))
        super().__init__(
            CertificateProvider(),
            name,
            {"names": list(args.names), "client": args.client, "authority": args.authority, **outputs},
            pulumi.ResourceOptions.merge(
                opts, pulumi.ResourceOptions(additional_secret_outputs=["private_key_pem", "keystore_base64"])
            ),
        )
