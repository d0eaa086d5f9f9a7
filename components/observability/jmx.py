"""The JMX exporter: a Java agent that shows a service's MBeans to Prometheus on a port of its own.

The service runs the image of `images/java-agents`, which holds the agent and a rules file for each kind of service.
"""

from __future__ import annotations

from typing import Final, Literal

from components import ports

AGENTS_PATH: Final = "/usr/share/cdc-agents"
Rules = Literal["connect", "kafka", "zookeeper", "schema-registry", "jvm"]
"""Name of a rules file in `images/java-agents/jmx`."""


def jmx_environment(variable: str, rules: Rules, *, enabled: bool) -> dict[str, str]:
    """Return the variable that makes a Java service load the agent; nothing where it is not wanted.

    The variable is one that the service's start script hands to Java. Kafka's command line tools read `KAFKA_OPTS` as
    well, and the port is taken: inside the container they run as `KAFKA_OPTS= kafka-topics ...`.
    """
    if not enabled:
        return {}
    jar = f"{AGENTS_PATH}/jmx_prometheus_javaagent.jar"
    return {variable: f"-javaagent:{jar}={ports.JMX_METRICS}:{AGENTS_PATH}/jmx/{rules}.yml"}
