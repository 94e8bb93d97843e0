"""Reasons why no broker took us, from lines as the client writes them."""

from __future__ import annotations

import logging

import pytest
from pydantic import SecretStr

from ingest.feed.kafka.reasons import client_log, reason_of
from ingest.runtime.settings import Settings

LOST = "Connection lost: KafkaConnectionError: socket disconnected"
NEW = f"<KafkaConnection node_id=bootstrap-0 broker_version=unknown (disconnected)>: {LOST}"
KNOWN = f"<KafkaConnection node_id=bootstrap-0 broker_version=(4, 3) (disconnected)>: {LOST}"
VERIFY = "Handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "


@pytest.mark.parametrize(
    ("protocol", "line", "said"),
    [
        ("SASL_SSL", "SaslAuthenticationFailedError: Authentication failed", "the password"),
        ("SASL_SSL", KNOWN, "the password"),
        ("SASL_PLAINTEXT", KNOWN, "the password"),
        ("SSL", KNOWN, "has no user"),
        ("SSL", NEW, "HISTOIRE_KAFKA_SSL_CERTFILE"),
        ("PLAINTEXT", NEW, "probably wants TLS"),
        ("SASL_SSL", VERIFY + "Hostname mismatch, certificate is not valid for", "another host"),
        ("SASL_SSL", VERIFY + "IP address mismatch, certificate is not", "another host"),
        ("SASL_SSL", VERIFY + "self-signed certificate in chain", "HISTOIRE_KAFKA_SSL_CAFILE"),
        ("SSL", "Handshake failed: [SSL: WRONG_VERSION_NUMBER]", "does not speak TLS"),
        ("SSL", "Connection failed: [Errno 13] Permission denied", "not readable"),
        ("SSL", "something new", "something new"),
    ],
)
def test_the_telling_line_is_found_among_the_others(protocol: str, line: str, said: str) -> None:
    sasl = {
        "kafka_sasl_mechanism": "SCRAM-SHA-512",
        "kafka_sasl_user": "u",
        "kafka_sasl_password": SecretStr("p"),
    }
    settings = Settings.model_validate({"kafka_security_protocol": protocol, **sasl})
    noise = ["Bootstrap bootstrap-0 not ready; waiting 0.06 secs", "Bootstrap failed: x"]
    assert said in reason_of([noise[0], line, *noise], settings, "KafkaTimeoutError")
    assert reason_of(noise, settings, "KafkaTimeoutError") == "KafkaTimeoutError"


def test_only_what_matters_is_kept_and_without_a_matricule() -> None:
    with client_log() as said:
        logging.getLogger("kafka.net").error("key 1.2.250.1.213.1.4.10|253072A12345678")
        logging.getLogger("kafka.net").debug("not this one")
    assert len(said.lines) == 1
    assert "253072A12345678" not in said.lines[0]
    assert said not in logging.getLogger("kafka").handlers
