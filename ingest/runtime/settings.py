"""Settings of every process: read once from the environment, frozen, passed down by hand.

No other module of the project reads the environment.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    ByteSize,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from schemas.rules.table.rejections import REMARKS_PAGE, RULES_PAGE
from schemas.rules.table.severities import Severities, parse_severities

PREFIX = "HISTOIRE_"
MIB = 1024 * 1024
ROOT_EXTENSION = r"^[0-2](\.(0|[1-9]\d*))+(\^[^\^|\s]+)?$"
FEED_OVERHEAD_BYTES = MIB
"""Room in a message for all that is not document bytes (key, headers, metadata)."""


class SettingsError(ValueError):
    """The environment does not make valid settings; `problems` has one sentence for each fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """Effective settings of a process. `Settings()` is the defaults; `load` adds `HISTOIRE_*`."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Path = Field(
        default=Path(".histoire"),
        description="Folder of all embedded data: database, broker, keys, document bytes.",
    )
    environment: Literal["test", "demo", "production"] = Field(
        default="test", description="Decides which INS OIDs are accepted."
    )
    instance: str = Field(
        default="histoire",
        pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$",
        description="Name of this installation in logs and metrics and of its database sessions.",
    )

    database_dsn: SecretStr | None = Field(
        default=None,
        description="PostgreSQL of the event store; unset: embedded PostgreSQL below home.",
    )
    keys_dsn: SecretStr | None = Field(
        default=None, description="PostgreSQL of the data keys; unset: the server of the store."
    )
    master_key_file: Path | None = Field(
        default=None,
        description="File of the master key that wraps data keys; unset: home/master.key.",
    )
    content_dir: str | None = Field(
        default=None, description="Folder or fsspec URL of the document bytes; unset: home/content."
    )

    kafka_bootstrap: str | None = Field(
        default=None,
        pattern=r"^[^\s,]+:\d+(,[^\s,]+:\d+)*$",
        description="host:port[,host:port...] of the Kafka brokers; unset: embedded feed.",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="Protocol towards the brokers; SASL_SSL outside a test machine.",
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] | None = Field(
        default=None, description="How a client proves who it is, with a SASL protocol."
    )
    kafka_sasl_user: str | None = Field(default=None, description="User name at the brokers.")
    kafka_sasl_password: SecretStr | None = Field(
        default=None, description="Password at the brokers."
    )
    kafka_ssl_cafile: Path | None = Field(
        default=None, description="PEM file of the authority that signed the brokers' certificates."
    )
    kafka_ssl_certfile: Path | None = Field(
        default=None, description="PEM file of our certificate."
    )
    kafka_ssl_keyfile: Path | None = Field(default=None, description="PEM file of our private key.")
    schema_registry_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^@]+$",
        description="Confluent-compatible registry, if producers use its wire format.",
    )

    topic_prefix: str = Field(
        default="", pattern=r"^[A-Za-z0-9._-]{0,100}$", description="Put before each topic's name."
    )
    topic_partitions: int = Field(
        default=24,
        ge=1,
        le=10_000,
        description="Partitions of a topic when it is created; never changed.",
    )
    topic_replication: int = Field(
        default=1,
        ge=1,
        le=9,
        description="Copies of each partition when a topic is created on Kafka.",
    )
    feed_retention_hours: int = Field(
        default=168, ge=1, description="How long the feed keeps health data before it is deleted."
    )
    outcome_retention_hours: int = Field(
        default=720,
        ge=1,
        description="How long outcomes and notifications stay readable on their topics.",
    )
    consumer_group: str = Field(
        default="histoire-ingest",
        min_length=1,
        max_length=200,
        description="Consumer group of ingestion.",
    )
    batch_max_records: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="Messages of one batch, which is one transaction.",
    )
    batch_max_bytes: ByteSize = Field(
        default=ByteSize(32 * MIB), ge=MIB, description="Bytes of one batch, e.g. 32MiB."
    )
    poll_timeout_seconds: float = Field(
        default=0.2, gt=0, le=30, description="How long a poll waits for messages."
    )
    session_timeout_seconds: float = Field(
        default=10.0, ge=6, le=600, description="A consumer silent for longer loses its partitions."
    )
    max_content_bytes: ByteSize = Field(
        default=ByteSize(8 * MIB),
        ge=1,
        le=64 * MIB,
        description="Largest document inside a message.",
    )
    rule_severities: str = Field(
        default="",
        max_length=8192,
        description="Rules whose severity is changed, RULE=reject|warn|off,...: histoire rules"
        " shows which may be.",
    )
    rules_documentation_url: str = Field(
        default=RULES_PAGE,
        pattern=r"^[^\s#]{1,512}$",
        description="Page that explains the rules; answers link to it, #RULE appended.",
    )
    remarks_documentation_url: str = Field(
        default=REMARKS_PAGE,
        pattern=r"^[^\s#]{1,512}$",
        description="Page that explains what histoire check remarks in a CDA.",
    )
    registry_required: bool = Field(
        default=False,
        description="Reject deposits of software and téléconsultation companies that the registry"
        " does not know, even if it has no entry of that kind.",
    )
    rejection_window: int = Field(
        default=2000,
        ge=1,
        description="Number of recent messages over which rejections are counted.",
    )
    rejection_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Share of rejections in the window at which ingestion stops.",
    )
    replace_and_delete: Literal["author", "author_or_organisation"] = Field(
        default="author_or_organisation",
        description="To whom replacing and deleting a document belong.",
    )
    patient_deletes: bool = Field(
        default=True,
        description="Whether patients may take documents of others out of their record.",
    )
    professionals_mask: bool = Field(
        default=True,
        description="Whether a professional who is not the author may mask for the patient.",
    )
    secret_access: bool = Field(
        default=False,
        description="Whether records of minors may be opened in a secret connection.",
    )
    projection_batch: int = Field(
        default=2000, ge=1, le=100_000, description="Events of one projection transaction."
    )
    habilitation_file: Path | None = Field(
        default=None,
        description="File of the habilitation matrix: what each profession may read and feed;"
        " unset: no profession is restricted.",
    )
    attending_physician_sees_masked: bool = Field(
        default=False,
        description="Whether the attending physician sees what is masked to professionals.",
    )

    metrics_host: str = Field(default="127.0.0.1", description="Address of the metrics endpoint.")
    metrics_port: int = Field(
        default=9464, ge=0, le=65_535, description="Port of the metrics endpoint; 0: none."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log line that is written."
    )
    log_format: Literal["json", "console"] = Field(
        default="json",
        description="json: one object per line; console: for a person at a terminal.",
    )

    sender_software_id: str = Field(
        default="histoire", description="histoire send: id of this software, key of its outcomes."
    )
    sender_software_name: str = Field(default="Histoire", description="histoire send: its name.")
    sender_software_version: str = Field(default="0.1.0", description="histoire send: its version.")
    sender_software_approval: str | None = Field(
        default=None, description="histoire send: its approval number (homologation DMP), if any."
    )
    sender_actor_id: str = Field(
        default="1.2.250.1.71.4.2.1^800000000000",
        pattern=ROOT_EXTENSION,
        description="histoire send: who answers for the message, root^extension.",
    )
    sender_actor_name: str = Field(
        default="Histoire", description="histoire send: name of who answers, for display."
    )
    sender_actor_role: str = Field(
        default="AUTOMATE", description="histoire send: code of J65, or AUTOMATE for a machine."
    )
    sender_organisation_id: str | None = Field(
        default="1.2.250.1.71.4.2.2^1000000000",
        pattern=ROOT_EXTENSION,
        description="histoire send: the organisation acted for, root^extension.",
    )
    sender_organisation_name: str | None = Field(
        default="Établissement d'essai", description="histoire send: name of that organisation."
    )
    sender_sector: str | None = Field(
        default="SA07", description="histoire send: its sector of activity, code of J61."
    )
    sender_authentication_mode: Literal[
        "DIRECTE", "INDIRECTE", "INDIRECTE_RENFORCEE", "PRO_SANTE_CONNECT"
    ] = Field(default="INDIRECTE", description="histoire send: how the actor was authenticated.")
    sender_purpose: str = Field(
        default="normal", description="histoire send: purpose of use (VIHF purposeofuse)."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load` was given counts: `Settings()` never looks at the environment."""
        return (init_settings,)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Settings made from `environ` (default: the process's); an empty variable counts as unset.

        Raises SettingsError with *all* problems: unknown names, bad values, contradictions.
        """
        given = given_variables(os.environ if environ is None else environ)
        problems = [_unknown(name) for name in given if name not in cls.model_fields]
        known = {name: value for name, value in given.items() if name in cls.model_fields}
        try:
            settings = cls.model_validate(known)
        except ValidationError as error:
            raise SettingsError(problems + _sentences(error)) from None
        if problems:
            raise SettingsError(problems)
        return settings

    @field_validator("database_dsn", "keys_dsn")
    @classmethod
    def _connects(cls, dsn: SecretStr | None) -> SecretStr | None:
        if dsn is None:
            return dsn
        import psycopg  # by commands that name a database: it is long to load
        from psycopg.conninfo import conninfo_to_dict

        try:
            conninfo_to_dict(dsn.get_secret_value())
        except psycopg.Error:
            # libpq's own words repeat the text, which may hold a password.
            raise ValueError(
                "this is no connection string of PostgreSQL; give postgresql://USER@HOST/DATABASE"
                " or 'host=HOST dbname=DATABASE'"
            ) from None
        return dsn

    @field_validator("rule_severities")
    @classmethod
    def _severities_fit(cls, text: str) -> str:
        parse_severities(text)
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems = []
        if self.batch_max_bytes < self.max_content_bytes + FEED_OVERHEAD_BYTES:
            problems.append("BATCH_MAX_BYTES must exceed MAX_CONTENT_BYTES by at least 1MiB")
        sasl = (self.kafka_sasl_mechanism, self.kafka_sasl_user, self.kafka_sasl_password)
        if self.kafka_security_protocol.startswith("SASL") and None in sasl:
            problems.append(
                "a SASL protocol needs KAFKA_SASL_MECHANISM, KAFKA_SASL_USER and "
                "KAFKA_SASL_PASSWORD"
            )
        if self.kafka_ssl_keyfile is not None and self.kafka_ssl_certfile is None:
            problems.append("KAFKA_SSL_KEYFILE needs KAFKA_SSL_CERTFILE")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def max_message_bytes(self) -> int:
        """Largest message of the feed in bytes: the document bytes and all that goes with them."""
        return self.max_content_bytes + FEED_OVERHEAD_BYTES

    @property
    def severities(self) -> Severities:
        """The severity of every rule here."""
        return parse_severities(self.rule_severities)

    @property
    def master_key_path(self) -> Path:
        """File of the master key."""
        return self.master_key_file or self.home / "master.key"

    @property
    def content_url(self) -> str:
        """Folder or fsspec URL of the document bytes."""
        return self.content_dir or str(self.home / "content")


def given_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """What the environment sets, by setting name; unknown names included, empty values not."""
    return {
        name[len(PREFIX) :].lower(): value
        for name, value in environ.items()
        if name.startswith(PREFIX) and value
    }


def variable(setting: str) -> str:
    """Name of the environment variable of a setting."""
    return PREFIX + setting.upper()


def child_environment(**overrides: str) -> dict[str, str]:
    """The environment of a process started by this one: ours, with these settings overridden."""
    return {**os.environ, **{variable(name): value for name, value in overrides.items()}}


def _unknown(setting: str) -> str:
    near = difflib.get_close_matches(setting, Settings.model_fields, n=1, cutoff=0.5)
    all_listed = "unset it: `histoire config` then lists all"
    hint = f"did you mean {variable(near[0])}?" if near else all_listed
    return f"{variable(setting)} is not a setting; {hint}"


def _sentences(error: ValidationError) -> list[str]:
    # The value itself is never repeated: it may be a secret.
    found = []
    for fault in error.errors(include_url=False, include_input=False):
        message = fault["msg"].removeprefix("Value error, ")
        where = ".".join(str(part) for part in fault["loc"])
        found.append(f"{variable(where)}: {message}" if where else message)
    return found
