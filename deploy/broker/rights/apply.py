"""Makes rights and users at a broker equal to a table, over the admin interface of Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from kafka.errors import NoError, SecurityDisabledError

from deploy.broker.errors import BrokerError
from deploy.broker.rights.table import Right

ITERATIONS: Final = 8192
_OPERATIONS: Final = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Describe": ACLOperation.DESCRIBE,
}
_RESOURCES: Final = {"topic": ResourceType.TOPIC, "group": ResourceType.GROUP}


@dataclass(frozen=True, slots=True)
class Applied:
    """What was changed at the broker.

    `unlisted`: users with rights that the table does not name; they were removed if asked for.
    """

    granted: list[Right] = field(default_factory=list)
    revoked: int = 0
    users_made: list[str] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)


def apply_rights(
    admin: KafkaAdminClient,
    wanted: Sequence[Right],
    users: Sequence[str],
    password_of: Callable[[str], str],
    *,
    revoke_unlisted: bool = False,
    keep: Iterable[str] = (),
) -> Applied:
    """The broker grants these users exactly `wanted`, and each can prove who it is.

    `password_of` is asked for the password of a user the broker does not know yet. With
    `revoke_unlisted`, users that are neither listed nor in `keep` lose all rights and passwords.
    Safe to repeat. Raises BrokerError, KafkaError.
    """
    there = _rules(admin)
    listed = {f"User:{user}": user for user in users}
    rules = {_rule(right) for right in wanted}
    kept = {f"User:{user}" for user in keep}
    unlisted = {rule.principal for rule in there if rule.principal not in listed} - kept
    extra = [
        rule
        for rule in there
        if (rule.principal in listed and rule not in rules)
        or (revoke_unlisted and rule.principal in unlisted)
    ]
    # Rights are taken away first: an interrupted run leaves no more rights than either table.
    _revoke(admin, extra)
    missing = [right for right in wanted if _rule(right) not in there]
    _grant(admin, missing)
    known = set(_scram_users(admin))
    new = [user for user in users if user not in known]
    _alter_users(
        admin,
        [
            UserScramCredentialUpsertion(
                user, ScramMechanism.SCRAM_SHA_512, password_of(user), iterations=ITERATIONS
            )
            for user in new
        ],
    )
    gone = sorted(known - set(users) - set(keep)) if revoke_unlisted else []
    _alter_users(
        admin, [UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512) for user in gone]
    )
    names = sorted({principal.removeprefix("User:") for principal in unlisted} | set(gone))
    return Applied(missing, len(extra), new, names)


def command_lines(rights: Sequence[Right], bootstrap: str) -> list[str]:
    """The same rights as lines for Kafka's own kafka-acls.sh, for a broker of one's own."""
    head = f"kafka-acls.sh --bootstrap-server {bootstrap} --command-config admin.properties --add"
    return [
        f"{head} --allow-principal User:{user} --operation {operation} --{resource} {name}"
        for user, operation, resource, name in rights
    ]


def _rule(right: Right) -> ACL:
    return ACL(
        f"User:{right.user}",
        "*",
        _OPERATIONS[right.operation],
        ACLPermissionType.ALLOW,
        ResourcePattern(_RESOURCES[right.resource], right.name, ACLResourcePatternType.LITERAL),
    )


def _rules(admin: KafkaAdminClient) -> set[ACL]:
    everything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    try:
        found, _ = admin.describe_acls(
            ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, everything)
        )
    except SecurityDisabledError:
        raise BrokerError(
            "this broker knows no rights: it has no authorizer",
            "Configure one; a local one has it after `histoire broker start --secure`.",
        ) from None
    return set(found)


def _grant(admin: KafkaAdminClient, rights: Sequence[Right]) -> None:
    if not rights:
        return
    answer: dict[str, Any] = admin.create_acls([_rule(right) for right in rights])
    if answer["failed"]:
        raise BrokerError(f"the broker refused {len(answer['failed'])} of {len(rights)} rights")


def _revoke(admin: KafkaAdminClient, rules: Sequence[ACL]) -> None:
    if not rules:
        return
    filters = [
        ACLFilter(
            rule.principal,
            rule.host,
            rule.operation,
            rule.permission_type,
            ResourcePatternFilter(
                rule.resource_pattern.resource_type,
                rule.resource_pattern.resource_name,
                rule.resource_pattern.pattern_type,
            ),
        )
        for rule in rules
    ]
    failed = [error for _, _, error in admin.delete_acls(filters) if error is not NoError]
    if failed:
        raise BrokerError(f"the broker kept {len(failed)} rights ({failed[0].__name__})")


def _scram_users(admin: KafkaAdminClient) -> list[str]:
    return list(admin.describe_user_scram_credentials())


def _alter_users(admin: KafkaAdminClient, alterations: Sequence[Any]) -> None:
    if not alterations:
        return
    refused = [u for u, error in admin.alter_user_scram_credentials(alterations).items() if error]
    if refused:
        raise BrokerError(f"the broker refused the user {refused[0]}")
