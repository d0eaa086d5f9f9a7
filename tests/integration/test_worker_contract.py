"""What our configurations rely on, asked of the real worker."""

from __future__ import annotations

import pytest

from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("connector", ["source", "sink"])
def test_the_workers_own_validator_accepts_our_configuration(pipeline: Pipeline, connector: str) -> None:
    with pipeline.connect() as client:
        config = client.get_config(pipeline.outputs.connectors[connector])

        assert client.validate(config["connector.class"], config) == {}


def test_the_workers_own_validator_names_what_is_wrong(pipeline: Pipeline) -> None:
    with pipeline.connect() as client:
        config = client.get_config(pipeline.outputs.connectors["sink"])
        config["batch.size"] = "many"

        assert list(client.validate(config["connector.class"], config)) == ["batch.size"]


def test_the_source_refuses_a_property_that_the_real_connector_does_not_have(pipeline: Pipeline) -> None:
    with pipeline.connect() as client:
        config = client.get_config(pipeline.outputs.connectors["source"])
        config["scylla.made.up"] = "x"

        assert "scylla.made.up" in client.validate(config["connector.class"], config)


def test_the_worker_has_our_plugins(pipeline: Pipeline) -> None:
    with pipeline.connect() as client:
        classes = {plugin.class_name for plugin in client.plugins()}

    assert {"cdc.connect.ResilientJdbcSink", "com.scylladb.cdc.debezium.connector.ScyllaConnector"} <= classes
