"""A scheduler that wants certificates: right ones are let in, others are not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed import LocalCluster

from tasks.cluster import cluster_session
from tasks.cluster_config import ClusterConfig, ClusterError, TlsFiles
from tasks.cluster_start import security


def authority(folder: Path) -> ClusterConfig:
    """Make a certificate authority and one certificate; return who connects with it."""
    folder.mkdir()
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dask")])
    now = dt.datetime.now(dt.UTC)

    def signed(subject, public, *, ca):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(ca_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
            .sign(ca_key, hashes.SHA256())
        )

    pem = serialization.Encoding.PEM
    files = {
        "ca.pem": signed(ca_name, ca_key.public_key(), ca=True).public_bytes(pem),
        "cert.pem": signed(name, key.public_key(), ca=False).public_bytes(pem),
        "key.pem": key.private_bytes(
            pem,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    }
    for file, text in files.items():
        (folder / file).write_bytes(text)
    ca, cert, key = (folder / file for file in files)
    return ClusterConfig(kind="threads", tls=TlsFiles(ca=ca, cert=cert, key=key))


def test_only_certificates_of_the_same_authority_are_let_in(tmp_path):
    ours, others = authority(tmp_path / "ours"), authority(tmp_path / "others")
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0",
        protocol="tls://", security=security(ours), silence_logs=50,
    ) as cluster:  # fmt: skip
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        known = ClusterConfig(kind="address", address=address, tls=ours.tls)
        with cluster_session(known) as session:
            assert session.client().submit(int, 3).result() == 3
        for tls in (others.tls, None):
            stranger = ClusterConfig(
                kind="address", address=address, tls=tls, timeout=2.0
            )
            with (
                cluster_session(stranger) as session,
                pytest.raises((ClusterError, TypeError), match=r"(?i)tls|scheduler"),
            ):
                session.client()
