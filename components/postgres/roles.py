"""Database, roles and grants of the target database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_postgresql as postgresql

from components.configured import Server

OWNER = "warehouse_owner"
"""Owns database and target tables; nobody logs in as this role."""
WRITER = "cdc_writer"
"""The sink writes with it. (PostgreSQL reserves role names that begin with `pg_`.)"""
RECONCILE = "reconcile"
"""The reconcile job compares and repairs as this role; Vault makes logins that are members of it."""

CANARY_READER = "cdc_canary_reader"
"""Reads the copy of the canary's table."""
MONITOR = "cdc_monitor"
"""Reads statistics and no row."""

TABLE_PRIVILEGES = ["SELECT", "INSERT", "UPDATE", "DELETE"]
DEFAULT_SCHEMA = "public"


@dataclass(frozen=True)
class WarehouseArgs:
    """The database that receives the rows."""

    server: Server
    database: str
    schemas: Sequence[str]
    """Schemas of the target tables."""
    writer_adds_columns: bool
    """The sink may add columns: that takes membership in the role that owns the tables."""
    canary_schema: str = ""
    """One of `schemas`, which the canary reads and reconcile leaves alone; empty: there is no canary."""


class Warehouse(pulumi.ComponentResource):
    """Database `warehouse` with its owner and the two roles that write to it."""

    ready: list[pulumi.Resource]
    """What target tables and connectors have to wait for."""

    def __init__(self, name: str, args: WarehouseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("scylla-pg-cdc:postgres:Warehouse", name, {}, opts)
        self._args = args
        inside = args.server.options(self)
        owner = postgresql.Role(OWNER, name=OWNER, login=False, opts=inside)
        # Vault sets its password; until then nobody can log in.
        writer = postgresql.Role(
            WRITER, name=WRITER, login=True, roles=[owner.name] if args.writer_adds_columns else [], opts=inside
        )
        reconcile = postgresql.Role(RECONCILE, name=RECONCILE, login=False, opts=inside)
        self._database = postgresql.Database(
            args.database,
            name=args.database,
            owner=owner.name,
            encoding="UTF8",
            lc_collate="C",
            lc_ctype="C",
            template="template0",
            opts=inside,
        )
        # The job makes its tables there itself.
        bookkeeping = postgresql.Schema(
            RECONCILE,
            name=RECONCILE,
            database=self._database.name,
            owner=reconcile.name,
            opts=args.server.options(self, [self._database]),
        )
        self.ready = [self._database, bookkeeping]
        users = {WRITER: (writer, TABLE_PRIVILEGES), RECONCILE: (reconcile, TABLE_PRIVILEGES)}
        for schema in args.schemas:
            if schema == args.canary_schema:
                reader = postgresql.Role(CANARY_READER, name=CANARY_READER, login=True, opts=inside)
                self._open(schema, owner, {WRITER: users[WRITER], CANARY_READER: (reader, ["SELECT"])})
            else:
                self._open(schema, owner, users)
        self.register_outputs({"database": self._database.name})

    def _open(
        self, schema: str, owner: postgresql.Role, users: Mapping[str, tuple[postgresql.Role, list[str]]]
    ) -> None:
        """Let roles use a schema, and the tables in it with the privileges of each."""
        # Everybody may use schema public; others are ours to make.
        if schema != DEFAULT_SCHEMA:
            self.ready.append(self._schema(schema, owner, [role for role, _ in users.values()]))
        for label, (role, privileges) in users.items():
            self.ready.append(self._table_privileges(f"{label}-{schema}", schema, role, owner, privileges))

    def _schema(self, name: str, owner: postgresql.Role, users: Sequence[postgresql.Role]) -> postgresql.Schema:
        return postgresql.Schema(
            name,
            name=name,
            database=self._database.name,
            owner=owner.name,
            policies=[postgresql.SchemaPolicyArgs(role=user.name, usage=True) for user in users],
            opts=self._args.server.options(self, [self._database]),
        )

    def _table_privileges(
        self, label: str, schema: str, role: postgresql.Role, owner: postgresql.Role, privileges: list[str]
    ) -> postgresql.DefaultPrivileges:
        """Privileges on every table that the owner makes, now and later.

        One after the other: PostgreSQL refuses concurrent changes of one role's default privileges.
        """
        return postgresql.DefaultPrivileges(
            f"{label}-tables",
            database=self._database.name,
            schema=schema,
            owner=owner.name,
            role=role.name,
            object_type="table",
            privileges=privileges,
            opts=self._args.server.options(self, self.ready[-1:]),
        )


def monitor_role(server: Server, password: pulumi.Input[str]) -> postgresql.Role:
    """A login that sees the server's statistics and no row."""
    return postgresql.Role(
        MONITOR,
        name=MONITOR,
        login=True,
        password=pulumi.Output.secret(password),
        roles=["pg_monitor"],
        opts=server.options(),
    )
