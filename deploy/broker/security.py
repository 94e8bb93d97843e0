"""A secured cluster: its authority, its certificate, its administrator (decision 0037).

Everything lies below home/broker/security, readable by us alone. No password is ever an argument
of a process or a line of a log.
"""

from __future__ import annotations

import base64
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from ingest.runtime.folders import private_folder
from ingest.runtime.settings import Settings, variable

from .certificates import ensure_authority, ensure_server, write_private
from .layout import Cluster

ADMIN: Final = "admin"
MECHANISM: Final = "SCRAM-SHA-512"
PASSWORD_BYTES: Final = 24


@dataclass(frozen=True)
class Security:
    """Files of a secured cluster."""

    folder: Path

    @property
    def authority(self) -> Path:
        """PEM certificate of the authority: what every client needs."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """PEM key and certificate of the brokers."""
        return self.folder / "server.pem"

    def password_file(self, user: str) -> Path:
        """The file with the password of a user that was made here."""
        return self.folder / "passwords" / user

    def client_options(self) -> dict[str, str]:
        """Options of the library's clients for the administrator."""
        return {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": ADMIN,
            "sasl_plain_password": self.password_file(ADMIN).read_text().strip(),
            "ssl_cafile": str(self.authority),
        }

    def settings(self, base: Settings, cluster: Cluster, user: str = ADMIN) -> Settings:
        """`base`, for clients that are this user."""
        password = self.password_file(user).read_text().strip()
        return base.model_copy(
            update={
                "kafka_bootstrap": cluster.bootstrap,
                "kafka_security_protocol": "SASL_SSL",
                "kafka_sasl_mechanism": MECHANISM,
                "kafka_sasl_user": user,
                "kafka_sasl_password": SecretStr(password),
                "kafka_ssl_cafile": self.authority,
            }
        )

    def variables(self, cluster: Cluster, user: str = ADMIN) -> Mapping[str, str]:
        """The environment of a client, as a shell reads it: the password stays in its file."""
        return {
            variable("kafka_bootstrap"): cluster.bootstrap,
            variable("kafka_security_protocol"): "SASL_SSL",
            variable("kafka_sasl_mechanism"): MECHANISM,
            variable("kafka_sasl_user"): user,
            variable(
                "kafka_sasl_password"
            ): f'"$(cat {shlex.quote(str(self.password_file(user)))})"',
            variable("kafka_ssl_cafile"): shlex.quote(str(self.authority)),
        }

    def node_properties(self) -> str:
        """The part of a node's configuration that secures it."""
        template = files(__package__).joinpath("secured.properties").read_text()
        return template.format(
            password=self.password_file(ADMIN).read_text().strip(),
            certificate=self.certificate,
            authority=self.authority,
        )

    @contextmanager
    def first_user(self) -> Iterator[Path]:
        """A file of arguments that makes the administrator while data folders are formatted."""
        arguments = self.folder / "format-arguments"
        password = self.password_file(ADMIN).read_text().strip()
        scram = f"{MECHANISM}=[name={ADMIN},password={password}]"
        write_private(arguments, f"--add-scram\n{scram}\n".encode())
        try:
            yield arguments
        finally:
            arguments.unlink(missing_ok=True)


def security_of(folder: Path, cluster: Cluster) -> Security | None:
    """The security of the cluster in `folder` (home/broker); None when it has none."""
    return Security(folder / "security") if cluster.secure else None


def ensure_security(
    folder: Path, now: datetime, *, entropy: Callable[[int], bytes] = os.urandom
) -> Security:
    """Authority, certificate and administrator's password exist below `folder`/security.

    A certificate that is about to lapse is made anew; everything else is kept.
    """
    security = Security(private_folder(folder / "security"))
    ensure_authority(security.folder / "ca.key", security.authority, now)
    ensure_server(
        security.certificate,
        security.folder / "ca.key",
        security.authority,
        now,
        common_name="broker",
    )
    if not security.password_file(ADMIN).exists():
        new_password(security, ADMIN, entropy=entropy)
    return security


def new_password(
    security: Security, user: str, *, entropy: Callable[[int], bytes] = os.urandom
) -> str:
    """A random password. It replaces the one in the file of the user."""
    password = base64.urlsafe_b64encode(entropy(PASSWORD_BYTES)).decode()
    file = security.password_file(user)
    private_folder(file.parent)
    write_private(file, f"{password}\n".encode())
    return password
