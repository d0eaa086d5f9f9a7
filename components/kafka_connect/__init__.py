"""Kafka Connect: workers, connectors, their configuration and a client for the REST API."""
