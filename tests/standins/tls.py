"""TLS before a server that has none: real handshakes with certificates of an authority of our own, made anew each time."""

import datetime
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)


class Secured(NamedTuple):
    """The server by TLS, under a name that its certificate has and one that it does not, and who vouches for it."""

    url: str
    other_name: str
    authority: Path


@contextmanager
def tls_before(url: str, folder: Path) -> Iterator[Secured]:
    """TLS before a Redis server, whose certificate is for ``localhost``; it serves as long as the context."""
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(folder))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=_serve, args=(listening, context, (parts.hostname, parts.port)), daemon=True).start()
        login, port = parts.netloc.rpartition("@")[0], listening.getsockname()[1]

        def named(host: str) -> str:
            return urlunsplit(parts._replace(scheme="rediss", netloc=f"{login}@{host}:{port}"))

        yield Secured(named("localhost"), named("127.0.0.1"), folder / "authority.pem")


def _serve(listening: socket.socket, context: ssl.SSLContext, server: tuple[str | None, int | None]) -> None:
    with suppress(OSError):
        while True:
            plain, _ = listening.accept()
            Thread(target=_connection, args=(plain, context, server), daemon=True).start()


def _connection(plain: socket.socket, context: ssl.SSLContext, server: tuple[str | None, int | None]) -> None:
    # A TLS connection must not be read and written by two threads at one time: so it is one that waits for both sides.
    with suppress(OSError), context.wrap_socket(plain, server_side=True) as near, socket.create_connection(server) as far:
        near.settimeout(0.002)
        far.settimeout(0.002)
        while True:
            for source, target in ((near, far), (far, near)):
                with suppress(TimeoutError):
                    content = source.recv(65536)
                    if not content:
                        return
                    target.settimeout(30)
                    target.sendall(content)
                    target.settimeout(0.002)


def _certificate(folder: Path) -> Path:
    """A file with key and certificate of ``localhost``; ``authority.pem`` beside it."""
    authority, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, name = _name("an authority of our own"), _name("localhost")
    root = _builder(issuer, issuer, authority).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False, key_encipherment=False,
        data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    root = root.add_extension(usage, critical=True)
    signed = _builder(name, issuer, server).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False
    )
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(root.sign(authority, hashes.SHA256()).public_bytes(pem))
    key = server.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "server.pem"
    path.write_bytes(key + signed.sign(authority, hashes.SHA256()).public_bytes(pem))
    return path


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - DAY).not_valid_after(now + DAY)


def _name(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, words)])
