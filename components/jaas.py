"""JAAS: the file from which a Java server takes logins, its own and those that it accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pulumi

from components.service import File
from components.tls.files import FOLDER

JAAS_PATH: Final = f"{FOLDER}/jaas.conf"
APP_UID: Final = 1000
"""User of the images that run Java."""
JVM_OPTION: Final = f"-Djava.security.auth.login.config={JAAS_PATH}"


def quoted(text: str) -> str:
    """A value as JAAS, curl and Java's properties read it between double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def module(class_name: str, options: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[str]:
    """One login module with its options."""

    def line(known: Mapping[str, Any]) -> str:
        return " ".join([class_name, "required", *(f"{name}={quoted(value)}" for name, value in known.items())]) + ";"

    return pulumi.Output.from_input(dict(options)).apply(line)


def jaas_file(sections: Mapping[str, pulumi.Input[str]], owner_uid: int) -> File:
    """The file, with the modules of each section."""
    content = pulumi.Output.from_input(dict(sections)).apply(
        lambda known: "".join(f"{name} {{\n{modules}\n}};\n" for name, modules in known.items())
    )
    return File(JAAS_PATH, content, secret=True, owner_uid=owner_uid)


def with_jvm_option(env: Mapping[str, str], variable: str, option: str = JVM_OPTION) -> dict[str, str]:
    """An environment in which Java reads the file as well, or takes another option."""
    return {**env, variable: f"{env.get(variable, '')} {option}".strip()}
