"""Vault: a server, its first initialisation, secrets, and the agent that renders them."""
