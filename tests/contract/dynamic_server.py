"""Drives the plug-in process of dynamic resources over gRPC as the engine does, without the Pulumi CLI."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from components.scylla.provider import PROVIDER_KEY

PROJECT = "scylla-pg-cdc"
TIMEOUT_SECONDS = 60

Properties = dict[str, Any]


def pickled(provider: ResourceProvider) -> bytes:
    """What the engine keeps of a provider, in every resource's state."""
    return base64.b64decode(serialize_provider(provider))


class DynamicServer:
    """One `python -m pulumi.dynamic` process; every call takes the provider that the resource was made with."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)

    def close(self) -> None:
        """Hang up; the process goes on."""
        self._channel.close()

    def configure(self, config: Mapping[str, Any]) -> None:
        """Hand over the stack's config; keys without a namespace belong to the project."""
        args = {key if ":" in key else f"{PROJECT}:{key}": value for key, value in config.items()}
        answer = self._stub.Configure(provider_pb2.ConfigureRequest(args=_struct(args)), timeout=TIMEOUT_SECONDS)
        assert not answer.acceptSecrets

    def check(self, provider: ResourceProvider, news: Properties) -> tuple[Properties, dict[str, str]]:
        """Inputs to use, and failures: property -> reason; no property fails twice."""
        request = provider_pb2.CheckRequest(olds=_struct({}), news=_with_provider(provider, news))
        answer = self._stub.Check(request, timeout=TIMEOUT_SECONDS)
        failures = {failure.property: failure.reason for failure in answer.failures}
        assert len(failures) == len(answer.failures), answer.failures
        return _dict(answer.inputs), failures

    def diff(self, provider: ResourceProvider, id_: str, olds: Properties, news: Properties) -> Any:
        """The engine's DiffResponse."""
        request = provider_pb2.DiffRequest(
            id=id_, olds=_with_provider(provider, olds), news=_with_provider(provider, news)
        )
        return self._stub.Diff(request, timeout=TIMEOUT_SECONDS)

    def create(self, provider: ResourceProvider, props: Properties) -> tuple[str, Properties]:
        """Id and state."""
        request = provider_pb2.CreateRequest(properties=_with_provider(provider, props))
        answer = self._stub.Create(request, timeout=TIMEOUT_SECONDS)
        return answer.id, _dict(answer.properties)

    def read(self, provider: ResourceProvider, id_: str, props: Properties) -> tuple[str, Properties]:
        """Id (empty when the resource is gone) and state."""
        answer = self._read(provider, id_, props)
        return answer.id, _dict(answer.properties)

    def read_inputs(self, provider: ResourceProvider, id_: str, props: Properties) -> Properties:
        """The inputs that a read finds, as an import takes them."""
        return _dict(self._read(provider, id_, props).inputs)

    def _read(self, provider: ResourceProvider, id_: str, props: Properties) -> Any:
        request = provider_pb2.ReadRequest(id=id_, properties=_with_provider(provider, props))
        return self._stub.Read(request, timeout=TIMEOUT_SECONDS)

    def update(self, provider: ResourceProvider, id_: str, olds: Properties, news: Properties) -> Properties:
        """The new state."""
        request = provider_pb2.UpdateRequest(
            id=id_, olds=_with_provider(provider, olds), news=_with_provider(provider, news)
        )
        return _dict(self._stub.Update(request, timeout=TIMEOUT_SECONDS).properties)

    def delete(self, provider: ResourceProvider, id_: str, props: Properties) -> None:
        request = provider_pb2.DeleteRequest(id=id_, properties=_with_provider(provider, props))
        self._stub.Delete(request, timeout=TIMEOUT_SECONDS)

    def error_of(self, call: Callable[[], object]) -> str:
        """What the engine is told when a call fails."""
        with pytest.raises(grpc.RpcError) as raised:
            call()
        return str(raised.value.details())


def _struct(values: Mapping[str, Any]) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


def _with_provider(provider: ResourceProvider, values: Properties) -> Struct:
    return _struct({**values, PROVIDER_KEY: serialize_provider(provider)})


def _dict(struct: Struct) -> Properties:
    values: Properties = MessageToDict(struct)
    assert values.pop(PROVIDER_KEY, None), "the provider must stay in the state"
    return values
