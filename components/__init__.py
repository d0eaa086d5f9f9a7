"""Reusable building blocks: containers, topics, roles, secrets, connectors. They never import `infra`."""
