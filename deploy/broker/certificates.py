"""Certificates of a local authority, for a server on the addresses of this machine.

Why not trustme: decision 0044.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_DAYS: Final = 3650
SERVER_DAYS: Final = 397
RENEW_DAYS: Final = 30
"""A certificate that lapses sooner is made anew at the next start."""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")

Key = ec.EllipticCurvePrivateKey


def ensure_authority(key_file: Path, certificate_file: Path, now: datetime) -> None:
    """An authority exists; one that exists is kept. Only we can read its key. `now`: aware."""
    if key_file.exists() and certificate_file.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("Histoire local authority")
    builder = _builder(name, name, key.public_key(), now, AUTHORITY_DAYS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_key_usage(signs_certificates=True), critical=True)
    certificate = builder.sign(key, hashes.SHA256())
    write_private(key_file, _pem(key))
    write_private(certificate_file, certificate.public_bytes(Encoding.PEM))


def ensure_server(
    file: Path,
    authority_key: Path,
    authority: Path,
    now: datetime,
    *,
    common_name: str,
    hosts: Sequence[str] = LOOPBACK,
) -> None:
    """`file` holds a private key (PKCS 8), its certificate for `hosts`, and the authority's.

    A certificate that this authority signed and that lives for another 30 days is kept.
    """
    signer = x509.load_pem_x509_certificate(authority.read_bytes())
    if file.exists() and _still_good(file.read_bytes(), signer, now):
        return
    signer_key = load_pem_private_key(authority_key.read_bytes(), password=None)
    assert isinstance(signer_key, Key), "the authority's key is of our making"
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(common_name), signer.subject, key.public_key(), now, SERVER_DAYS)
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectAlternativeName(list(map(_host, hosts))), critical=False)
        .add_extension(_authority_of(signer), critical=False)
        .sign(signer_key, hashes.SHA256())
    )
    chain = (certificate.public_bytes(Encoding.PEM), signer.public_bytes(Encoding.PEM))
    write_private(file, b"".join((_pem(key), *chain)))


def write_private(path: Path, data: bytes) -> None:
    """`path` has exactly `data`, and nobody but us can read it at any moment."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _still_good(pem: bytes, signer: x509.Certificate, now: datetime) -> bool:
    certificate, *_ = x509.load_pem_x509_certificates(pem)
    alive = certificate.not_valid_after_utc - now > timedelta(days=RENEW_DAYS)
    found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    return alive and found.value == _authority_of(signer)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # clocks differ
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority_of(signer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
