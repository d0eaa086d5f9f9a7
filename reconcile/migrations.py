"""The versions of the bookkeeping tables: files `migrations/NNNN_name.sql`, applied in order, each once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from typing import Any, Final

import psycopg
from psycopg import sql

from reconcile.errors import ConfigError

_FILE: Final = re.compile(r"(\d{4})_(\w+)\.sql")
_LOCK_KEY: Final = 0x7265636F6E  # "recon": any number will do, as long as all versions of this package use the same


@dataclass(frozen=True)
class Migration:
    """One version of the tables."""

    version: int
    name: str
    statements: str

    @property
    def checksum(self) -> str:
        """Tells whether the file is the one that was applied."""
        return sha256(self.statements.encode()).hexdigest()


def load_migrations() -> list[Migration]:
    """Return all migrations, oldest first."""
    found = [
        Migration(int(match[1]), match[2], file.read_text(encoding="utf-8"))
        for file in resources.files("reconcile").joinpath("migrations").iterdir()
        if (match := _FILE.fullmatch(file.name))
    ]
    return sorted(found, key=lambda migration: migration.version)


def migrate(
    connection: psycopg.Connection[Any], schema: str, migrations: Sequence[Migration] | None = None
) -> list[Migration]:
    """Bring the tables of `schema` to the newest version; return what was applied. Doing it twice changes nothing.

    Each migration is one transaction. Two processes that start at once wait for one another.

    Raises:
        ConfigError: the schema was made by a newer version, or a migration that was applied has been edited.
    """
    applied = []
    for migration in load_migrations() if migrations is None else migrations:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK_KEY,))
            done = _applied(connection, schema)
            _check(done, migration, schema)
            if migration.version not in done:
                connection.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
                connection.execute(migration.statements.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (version, name, checksum) VALUES (%s, %s, %s)",
                    (migration.version, migration.name, migration.checksum),
                )
                applied.append(migration)
    with connection.transaction():
        newest = max(_applied(connection, schema), default=0)
    known = max((m.version for m in (load_migrations() if migrations is None else migrations)), default=0)
    if newest > known:
        raise ConfigError(
            f"schema {schema} is at version {newest}, and this reconcile knows versions up to {known}; "
            "install the release that made it, or a newer one"
        )
    return applied


def _applied(connection: psycopg.Connection[Any], schema: str) -> dict[int, str]:
    """Versions with their checksums; makes the schema and its table of versions first."""
    name = sql.Identifier(schema)
    exists = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone()
    if not exists:  # `IF NOT EXISTS` would ask for the right to make schemas even when there is nothing to make
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(name))
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {}.schema_migrations (version integer PRIMARY KEY, name text NOT NULL, "
            "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        ).format(name)
    )
    rows = connection.execute(sql.SQL("SELECT version, checksum FROM {}.schema_migrations").format(name)).fetchall()
    return dict(rows)


def _check(done: dict[int, str], migration: Migration, schema: str) -> None:
    if done.get(migration.version, migration.checksum) != migration.checksum:
        raise ConfigError(
            f"migration {migration.version:04}_{migration.name} of schema {schema} is not the one that was applied; "
            "a change of the tables is a new migration, never an edit"
        )
