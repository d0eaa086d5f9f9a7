"""A keyspace as a resource."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pulumi import Input, Output, ResourceOptions
from pulumi.dynamic import CreateResult, ReadResult, Resource, UpdateResult

from components.provider_errors import short_errors
from components.scylla.provider import Properties, ScyllaProvider, inputs_only, name_problem
from components.scylla.session import CqlSession, quote_name, quote_text

_QUERY = "SELECT replication, durable_writes FROM system_schema.keyspaces WHERE keyspace_name = %s"


def replication_problem(replication: Mapping[str, Any]) -> str | None:
    """What is wrong with a replication map, or None."""
    if "class" in replication and len(replication) > 1:
        return None
    return "needs a class and a factor, as in {class: NetworkTopologyStrategy, replication_factor: 1}"


@dataclass(frozen=True)
class KeyspaceArgs:
    """Arguments of `Keyspace`."""

    name: Input[str]
    """Name of the keyspace; a change makes another keyspace."""
    contact_points: Input[Sequence[Input[str]]]
    """CQL addresses as `host:port`."""
    replication: Input[Mapping[str, Input[str | int]]]
    """As in CQL: `{"class": "NetworkTopologyStrategy", "dc1": 3}` or with `"replication_factor": 3`."""
    durable_writes: Input[bool] = True
    """Write to the commit log."""
    retain: Input[bool] = True
    """True: deleting the resource leaves the keyspace and its data. False: it is dropped."""


class KeyspaceProvider(ScyllaProvider):
    """Creates a keyspace or adopts it, and keeps its replication as declared."""

    replace_on = frozenset({"name"})

    input_checks = MappingProxyType({"name": name_problem, "replication": replication_problem})

    @short_errors
    def create(self, props: Properties) -> CreateResult:
        """Create the keyspace, or change the one that is there to what is declared."""
        return CreateResult(props["name"], self._apply(props))

    @short_errors
    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Change replication and durability."""
        return UpdateResult(self._apply(_news))

    @short_errors
    def read(self, id_: str, props: Properties) -> ReadResult:
        """Report replication and durability as they are; a keyspace that is gone leaves the state."""
        with self.session(props) as session:
            rows = session.execute(_QUERY, (props["name"],))
        if not rows:
            return ReadResult(None, {})
        observed = inputs_only(props) | {"durable_writes": rows[0]["durable_writes"]}
        actual = plain_replication(rows[0]["replication"])
        if not same_replication(props["replication"], actual):
            observed["replication"] = actual
        return ReadResult(id_, observed, inputs=dict(observed))

    @short_errors
    def delete(self, _id: str, _props: Properties) -> None:
        """Leave the keyspace, or drop it when `retain` is false."""
        if _props.get("retain", True):
            return
        with self.session(_props) as session:
            session.execute(f"DROP KEYSPACE IF EXISTS {quote_name(_props['name'])}")
            session.wait_for_schema_agreement()

    def _apply(self, props: Properties) -> Properties:
        with self.session(props) as session:
            _apply_keyspace(session, props)
        return inputs_only(props)


class Keyspace(Resource, module="scylla", name="Keyspace"):
    """A keyspace. Never loses data unless `retain` is false."""

    name: Output[str]

    def __init__(self, resource_name: str, args: KeyspaceArgs, opts: ResourceOptions | None = None) -> None:
        super().__init__(KeyspaceProvider(), resource_name, dict(vars(args)), opts)


def plain_replication(replication: Mapping[str, Any]) -> dict[str, str]:
    """Replication as texts, the class without its Java package."""
    # Numbers come through the plug-in's protocol as floats.
    plain = {key: str(int(value) if isinstance(value, float) else value) for key, value in replication.items()}
    return plain | {"class": plain.get("class", "").rpartition(".")[2]}


def same_replication(declared: Mapping[str, Any], actual: Mapping[str, Any]) -> bool:
    """Compare; the server spells `replication_factor` out as one factor per datacenter."""
    wanted, found = plain_replication(declared), plain_replication(actual)
    if wanted == found:
        return True
    factor = wanted.get("replication_factor")
    datacenters = [value for key, value in found.items() if key != "class"]
    return (
        factor is not None
        and len(wanted) == 2
        and wanted["class"] == found.get("class") == "NetworkTopologyStrategy"
        and bool(datacenters)
        and all(value == factor for value in datacenters)
    )


def _apply_keyspace(session: CqlSession, props: Properties) -> None:
    rows = session.execute(_QUERY, (props["name"],))
    if (
        rows
        and same_replication(props["replication"], rows[0]["replication"])
        and rows[0]["durable_writes"] == props["durable_writes"]
    ):
        return
    options = plain_replication(props["replication"])
    replication = ", ".join(f"{quote_text(key)}: {quote_text(value)}" for key, value in options.items())
    verb = "ALTER KEYSPACE" if rows else "CREATE KEYSPACE IF NOT EXISTS"
    session.execute(
        f"{verb} {quote_name(props['name'])} WITH replication = {{{replication}}} "
        f"AND durable_writes = {'true' if props['durable_writes'] else 'false'}"
    )
    session.wait_for_schema_agreement()
