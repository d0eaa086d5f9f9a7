"""Bring back what stopped since the last `up`, so that a refresh finds every service answering.

`pulumi up` alone starts a stopped container only after a refresh, and a refresh fails on the first service that does
not answer. So stopped containers are started and a sealed Vault is unsealed first, with what the stack's state knows.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from components.vault.client import VaultClient
from ops.docker import Docker
from ops.errors import OpsError
from ops.progress import Step
from ops.pulumi_cli import PulumiCli

CONTAINER_TYPE: Final = "docker:index/container:Container"
NETWORK_TYPE: Final = "docker:index/network:Network"
VAULT_INIT_TYPE: Final = "pulumi-python:dynamic/vault:Init"
HEALTHY_SECONDS: Final = 240.0
POLL_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Revived:
    """What was found when the stack was looked after."""

    started: tuple[str, ...]
    unsealed: bool
    missing: tuple[str, ...]
    """Containers of the state that the engine does not have; `pulumi up` makes them again."""

    def sentence(self) -> str:
        """Return the result in one line."""
        notes = [f"started {', '.join(self.started)}"] if self.started else []
        notes += ["unsealed Vault"] if self.unsealed else []
        notes += [f"removed by hand: {', '.join(self.missing)}"] if self.missing else []
        return "; ".join(notes) or "all running"


def revive(
    cli: PulumiCli,
    docker: Docker,
    step: Step,
    open_vault: Callable[..., VaultClient] = VaultClient,
    wait: Callable[[float], None] = time.sleep,
) -> Revived:
    """Start the stack's stopped containers, wait until they are healthy, and unseal its Vault.

    Raises:
        OpsError: A container does not become healthy; names it.
    """
    resources = remove_stranded(cli, docker, step)
    # What failed while it was made is made again by `pulumi up`; it may never become healthy as it is.
    names = [
        _plain(resource["outputs"]["name"])
        for resource in resources
        if resource["type"] == CONTAINER_TYPE and not resource.get("initErrors")
    ]
    found = {name: docker.container(name) for name in sorted(names)}
    stopped = tuple(name for name, container in found.items() if container.state in ("exited", "created"))
    for name in stopped:
        step.note(f"starting {name}")
        docker.start(name)
    missing = tuple(name for name, container in found.items() if container.state == "missing")
    # Without its container, Vault cannot be asked; once it is made again, the stack's unsealer opens it.
    vaults = [] if any(name.endswith("-vault") for name in missing) else filter(_is_vault, resources)
    unsealed = [_unseal(resource["outputs"], open_vault) for resource in vaults]
    for name in stopped:
        _wait_healthy(docker, name, wait)
    return Revived(stopped, any(unsealed), missing)


def remove_stranded(cli: PulumiCli, docker: Docker, step: Step) -> Sequence[Mapping[str, Any]]:
    """Remove the stack's containers when its network was removed by hand; return what the state holds.

    A container keeps the id of its network, so it never starts again, even beside a new network of the same name. The
    data is in volumes, and `pulumi up` makes containers and network again.
    """
    resources = list(_resources(cli))
    networks = [resource for resource in resources if resource["type"] == NETWORK_TYPE]
    if all(docker.has_network(network["id"]) for network in networks):
        return resources
    step.note("the network was removed by hand; removing the containers that need it")
    for kind, type_ in (("container", CONTAINER_TYPE), ("network", NETWORK_TYPE)):
        for resource in resources:
            if resource["type"] == type_:
                docker.remove(kind, _plain(resource["outputs"]["name"]))
    return resources


def _resources(cli: PulumiCli) -> Iterator[dict[str, Any]]:
    exported = cli.run_on_stack("stack", "export", "--show-secrets").require(f"Reading the state of stack {cli.stack}")
    deployment = json.loads(exported.stdout).get("deployment") or {}
    for resource in deployment.get("resources") or []:
        if resource.get("outputs"):
            yield resource


def _is_vault(resource: Mapping[str, Any]) -> bool:
    return bool(resource["type"] == VAULT_INIT_TYPE)


def _plain(value: Any) -> Any:
    """An output of an exported state without its secret wrapping."""
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value


def _unseal(outputs: Mapping[str, Any], open_vault: Callable[..., VaultClient]) -> bool:
    with open_vault(_plain(outputs["address"]), trusted=outputs.get("trusted", "")) as vault:
        if not vault.is_initialized() or not vault.is_sealed():
            return False
        vault.unseal(_plain(outputs["unseal_keys"]))
        return True


def _wait_healthy(docker: Docker, name: str, wait: Callable[[float], None]) -> None:
    for _ in range(int(HEALTHY_SECONDS / POLL_SECONDS)):
        if docker.container(name).ok:
            return
        wait(POLL_SECONDS)
    raise OpsError(
        f"Container {name} was started but is not healthy after {HEALTHY_SECONDS:.0f} s.",
        f"See what it says: docker logs --tail 50 {name}",
    )
