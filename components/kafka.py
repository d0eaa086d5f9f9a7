"""A Kafka cluster with ZooKeeper on one Docker host, and the pipeline's topics on any cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kafka as kafka

from components import health, ports
from components.configured import Server
from components.jaas import APP_UID, jaas_file, module, with_jvm_option
from components.kafka_security import PLAIN_MODULE, SCRAM, SCRAM_MODULE
from components.observability.jmx import jmx_environment
from components.service import File, HealthCheck, Host, Port, Service, ServiceArgs, Volume, named_volume
from components.tls.certificate import ServerCertificate
from components.tls.files import CA_PATH, PAIR_PATH, pair_file

HOUR_MS = 3_600_000
OFFSETS_SEGMENT_BYTES = 1024 * 1024
"""Kafka compacts closed segments only. With its 1 GiB the source's offsets would grow for a week before that, and who
asks Connect for them makes it read the whole topic."""
ADMIN = "admin"
"""The brokers' first user."""
SCRATCH = ("/etc/kafka", "/tmp", "/usr/logs", "/var/log/kafka")  # noqa: S108 (of the container)
"""What start scripts and JVMs write."""


@dataclass(frozen=True)
class BrokerSecurity:
    """TLS for everybody, SCRAM for clients, certificates between brokers, and a first user that makes the others."""

    certificates: Sequence[ServerCertificate]
    """One for each broker, with which it also logs in at the others."""
    authority: str
    """The one (PEM) whose certificates let in a broker."""
    admin_password: pulumi.Input[str]
    """Of the user ADMIN, who logs in with SASL/PLAIN, from outside of the network only."""


@dataclass(frozen=True)
class KafkaClusterArgs:
    """ZooKeeper and brokers in containers."""

    host: Host
    zookeeper_image: pulumi.Input[str]
    kafka_image: pulumi.Input[str]
    brokers: int
    heap_mb: int
    """Java heap of each broker, MiB."""
    replication_factor: int
    """Replicas of Kafka's own topics (offsets, transactions)."""
    min_insync_replicas: int
    monitored: bool = False
    """The images hold the JMX exporter, and it is to run."""
    security: BrokerSecurity | None = None
    """None: plain, and everybody may do everything."""


class KafkaCluster(pulumi.ComponentResource):
    """One ZooKeeper server and n brokers, each with its own volumes."""

    bootstrap_inside: str
    """Brokers as seen from the network."""
    bootstrap_outside: list[str]
    """Brokers as seen from the host."""
    services: list[Service]

    def __init__(self, name: str, args: KafkaClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:kafka:KafkaCluster", name, {}, opts)
        self._args = args
        zookeeper = self._zookeeper()
        numbers = range(1, args.brokers + 1)
        brokers = [self._broker(number, zookeeper) for number in numbers]
        self.services = [zookeeper, *brokers]
        self.bootstrap_inside = ",".join(f"{alias}:{ports.KAFKA_INTERNAL}" for alias in broker_aliases(args.brokers))
        self.bootstrap_outside = [args.host.address(_published(number)) for number in numbers]
        self.register_outputs({"bootstrap": self.bootstrap_outside})

    def _zookeeper(self) -> Service:
        child = pulumi.ResourceOptions(parent=self)
        data = named_volume("zookeeper-data", self._args.host, child)
        log = named_volume("zookeeper-log", self._args.host, child)
        return Service(
            "zookeeper",
            ServiceArgs(
                image=self._args.zookeeper_image,
                host=self._args.host,
                alias="zookeeper",
                memory_mb=512,
                env={
                    "ZOOKEEPER_CLIENT_PORT": str(ports.ZOOKEEPER_CLIENT),
                    "ZOOKEEPER_TICK_TIME": "2000",
                    "KAFKA_HEAP_OPTS": "-Xms128m -Xmx256m",
                    **jmx_environment("KAFKA_OPTS", "zookeeper", enabled=self._args.monitored),
                },
                volumes=[
                    Volume(data.name, "/var/lib/zookeeper/data"),
                    Volume(log.name, "/var/lib/zookeeper/log"),
                ],
                health=HealthCheck(health.tcp(ports.ZOOKEEPER_CLIENT, then="; echo srvr >&3; exec grep -q Mode <&3")),
                scratch=SCRATCH,
            ),
            child,
        )

    def _broker(self, number: int, zookeeper: Service) -> Service:
        args = self._args
        alias, published = f"kafka-{number}", _published(number)
        listening = published + args.host.port_offset
        data = named_volume(f"{alias}-data", args.host, pulumi.ResourceOptions(parent=self))
        return Service(
            alias,
            ServiceArgs(
                image=args.kafka_image,
                host=args.host,
                alias=alias,
                memory_mb=args.heap_mb * 2 + 256,
                env=self._broker_env(number, alias, listening) | self._security_env(alias, listening),
                ports=[Port(internal=listening, published=published)],
                volumes=[Volume(data.name, "/var/lib/kafka/data")],
                files=self._security_files(number),
                image_user=True,
                health=HealthCheck(health.tcp(ports.KAFKA_INTERNAL)),
                stop_timeout_seconds=60,
                scratch=SCRATCH,
            ),
            pulumi.ResourceOptions(parent=self, depends_on=[zookeeper]),
        )

    def _broker_env(self, number: int, alias: str, listening: int) -> dict[str, str]:
        args = self._args
        return {
            "KAFKA_BROKER_ID": str(number),
            "KAFKA_ZOOKEEPER_CONNECT": f"zookeeper:{ports.ZOOKEEPER_CLIENT}",
            "KAFKA_LISTENERS": f"INSIDE://0.0.0.0:{ports.KAFKA_INTERNAL},OUTSIDE://0.0.0.0:{listening}",
            "KAFKA_ADVERTISED_LISTENERS": (
                f"INSIDE://{alias}:{ports.KAFKA_INTERNAL},OUTSIDE://{args.host.bind_address}:{listening}"
            ),
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "INSIDE",
            "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
            "KAFKA_DEFAULT_REPLICATION_FACTOR": str(args.replication_factor),
            "KAFKA_MIN_INSYNC_REPLICAS": str(args.min_insync_replicas),
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": str(args.replication_factor),
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": str(args.replication_factor),
            "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": str(args.min_insync_replicas),
            # A group that forms anew waits this long for more members; ours are few and start together.
            "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "500",
            "KAFKA_HEAP_OPTS": f"-Xms{args.heap_mb}m -Xmx{args.heap_mb}m",
            **jmx_environment("KAFKA_OPTS", "kafka", enabled=args.monitored),
        }

    def _security_env(self, alias: str, listening: int) -> dict[str, str]:
        """What a broker needs for TLS and logins, over what it has without."""
        if not self._args.security:
            return {}
        inside, outside = f"{alias}:{ports.KAFKA_INTERNAL}", f"{self._args.host.bind_address}:{listening}"
        jmx = jmx_environment("KAFKA_OPTS", "kafka", enabled=self._args.monitored)
        return {
            "KAFKA_LISTENERS": ",".join(
                f"{name}://0.0.0.0:{port}"
                for name, port in (
                    ("INSIDE", ports.KAFKA_INTERNAL),
                    ("OUTSIDE", listening),
                    ("BROKERS", ports.KAFKA_BROKERS),
                )
            ),
            "KAFKA_ADVERTISED_LISTENERS": (
                f"INSIDE://{inside},OUTSIDE://{outside},BROKERS://{alias}:{ports.KAFKA_BROKERS}"
            ),
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "INSIDE:SASL_SSL,OUTSIDE:SASL_SSL,BROKERS:SSL",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKERS",
            "KAFKA_LISTENER_NAME_BROKERS_SSL_CLIENT_AUTH": "required",
            "KAFKA_LISTENER_NAME_INSIDE_SASL_ENABLED_MECHANISMS": SCRAM,
            "KAFKA_LISTENER_NAME_OUTSIDE_SASL_ENABLED_MECHANISMS": f"{SCRAM},PLAIN",
            "KAFKA_SSL_KEYSTORE_TYPE": "PEM",
            "KAFKA_SSL_KEYSTORE_LOCATION": PAIR_PATH,
            "KAFKA_SSL_TRUSTSTORE_TYPE": "PEM",
            "KAFKA_SSL_TRUSTSTORE_LOCATION": CA_PATH,
            **with_jvm_option(jmx, "KAFKA_OPTS"),
        }

    def _security_files(self, number: int) -> list[File]:
        security = self._args.security
        if not security:
            return []
        scram = module(SCRAM_MODULE, {})
        first_user = module(PLAIN_MODULE, {f"user_{ADMIN}": security.admin_password})
        sections = {"inside.KafkaServer": scram, "outside.KafkaServer": pulumi.Output.concat(first_user, "\n", scram)}
        return [
            File(CA_PATH, security.authority),
            pair_file(security.certificates[number - 1], APP_UID),
            jaas_file(sections, APP_UID),
        ]


def broker_aliases(brokers: int) -> list[str]:
    """Names of the brokers on the network."""
    return [f"kafka-{number}" for number in range(1, brokers + 1)]


def _published(number: int) -> int:
    return ports.PUBLISHED_KAFKA_FIRST + number - 1


@dataclass(frozen=True)
class PipelineTopicsArgs:
    """Topics of the pipeline. Brokers never create topics themselves."""

    server: Server
    table_topics: Sequence[str]
    heartbeat_topic: str
    dlq_topic: str
    dlq_ledger_topic: str
    """What became of the records of the dead letter queue."""
    connect_group: str
    """Group id of the Connect workers; their three internal topics are named after it."""
    source_offsets_topic: str
    """Where the source connector keeps its offsets."""
    partitions: int
    """Partitions of each table's topic."""
    replication_factor: int
    min_insync_replicas: int
    retention_hours: int
    cleanup_policy: str
    dlq_retention_hours: int
    heartbeat_retention_hours: int


def connect_topics(group: str) -> dict[str, str]:
    """Connect's internal topics by purpose (`config`, `offset`, `status`)."""
    return {"config": f"{group}-configs", "offset": f"{group}-offsets", "status": f"{group}-status"}


class PipelineTopics(pulumi.ComponentResource):
    """One topic per table, dead letter queue, heartbeat, and Connect's internal topics."""

    topics: list[kafka.Topic]

    def __init__(self, name: str, args: PipelineTopicsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:kafka:PipelineTopics", name, {}, opts)
        self._args = args
        internal = connect_topics(args.connect_group)
        compacted = {"cleanup.policy": "compact"}
        self.topics = [
            *(
                self._topic(topic, args.partitions, _retained(args.retention_hours, args.cleanup_policy))
                for topic in args.table_topics
            ),
            self._topic(args.dlq_topic, 1, _retained(args.dlq_retention_hours, "delete")),
            self._topic(args.dlq_ledger_topic, 1, compacted),
            self._topic(args.heartbeat_topic, 1, _retained(args.heartbeat_retention_hours, "delete")),
            # Connect insists on one partition for its configuration.
            self._topic(internal["config"], 1, compacted),
            self._topic(internal["offset"], 25, compacted),
            self._topic(internal["status"], 5, compacted),
            self._topic(args.source_offsets_topic, 1, {**compacted, "segment.bytes": str(OFFSETS_SEGMENT_BYTES)}),
        ]
        self.register_outputs({"topics": [topic.name for topic in self.topics]})

    def _topic(self, topic: str, partitions: int, config: Mapping[str, str]) -> kafka.Topic:
        return kafka.Topic(
            topic,
            name=topic,
            partitions=partitions,
            replication_factor=self._args.replication_factor,
            config={"min.insync.replicas": str(self._args.min_insync_replicas), **config},
            opts=self._args.server.options(self),
        )


def _retained(hours: int, policy: str) -> dict[str, str]:
    return {"cleanup.policy": policy, "retention.ms": str(hours * HOUR_MS)}
