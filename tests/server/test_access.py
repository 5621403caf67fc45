"""Who gets in: tokens and certificates, with real servers and clients."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import grpc
import numpy as np
import pytest
from box import start
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from streams import wait_until

from certificates import Authority, Files
from kinemacolor.client.access import AccessFiles, read_access
from kinemacolor.client.address import ServerAddress
from kinemacolor.client.connection import ColorizeClient, connect
from kinemacolor.client.errors import AccessError, ClientError, ServerUnreachableError
from kinemacolor.client.requests import OpenRequest
from kinemacolor.server import tls
from kinemacolor.server.access import TokenFile
from kinemacolor.server.config import ConfigError, ServerConfig
from kinemacolor.server.tls import TlsFiles
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.access import authorization, bearer_token
from kinemacolor.wire.frame import Geometry
from kinemacolor.wire.reasons import ErrorReason

TOKEN = "correct-horse-battery"
OTHER = "wrong-horse-battery-1"
TLS = pytest.mark.fault(24, "TLS that does not fit")
TOKENS = pytest.mark.fault(25, "no token, wrong token")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("access")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def stranger(folder: Path) -> Authority:
    return Authority(folder, "stranger")


@pytest.fixture(scope="module")
def tokens(folder: Path) -> Path:
    path = folder / "tokens"
    path.write_text(f"# for the edit suite\n{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def guarded(folder: Path, tokens: Path, authority: Authority, launch: Callable[..., object]) -> object:
    """A server with a token and TLS."""
    files = authority.issue("127.0.0.1", "localhost")
    return _launch(launch, folder / "guarded", files, "--token-file", str(tokens))


@pytest.fixture(scope="module")
def mutual(folder: Path, authority: Authority, launch: Callable[..., object]) -> object:
    """A server that wants its clients' certificates."""
    return _launch(launch, folder / "mutual", authority.issue("127.0.0.1"), "--tls-client-ca", str(authority.file))


def _launch(launch: Callable[..., object], folder: Path, files: Files, *options: str) -> object:
    folder.mkdir()
    tls = ("--tls-cert", str(files.certificate), "--tls-key", str(files.key))
    return launch(folder, "--model", "tiny", *tls, *options, listen="127.0.0.1:0")


def _connect(server: object, files: AccessFiles, scheme: str = "tls:") -> ColorizeClient:
    return connect(ServerAddress.parse(scheme + server.address), access=read_access(files, {}))


@pytest.fixture
def trusted(authority: Authority, tokens: Path) -> AccessFiles:
    return AccessFiles(token=tokens, ca=authority.file)


def test_a_client_with_the_token_over_tls_gets_its_colours(guarded: object, trusted: AccessFiles) -> None:
    request = OpenRequest(clip_key="guarded", geometry=Geometry(48, 32), transfer=1, model="tiny")
    with _connect(guarded, trusted) as client, client.open_clip(request) as stream:
        stream.send(0, np.full((32, 48), 30_000, np.uint16))
        stream.send_end()
        assert [planes.frame_number for planes in stream] == [0]


@TOKENS
@pytest.mark.parametrize(("token", "text"), [("", "asks for a token"), (OTHER, "does not take this token")])
def test_without_the_token_every_method_is_refused(
    guarded: object, authority: Authority, tmp_path: Path, token: str, text: str
) -> None:
    path = tmp_path / "token"
    path.write_text(token)
    with _connect(guarded, AccessFiles(token=path, ca=authority.file)) as client:
        for ask in (client.list_models, client.server_info):
            with pytest.raises(AccessError, match=text) as caught:
                ask()
            assert caught.value.reason is ErrorReason.UNAUTHENTICATED
        with pytest.raises(AccessError, match=text):
            client.open_clip(OpenRequest(clip_key="x", geometry=Geometry(48, 32), transfer=1))


@TOKENS
def test_nothing_of_a_call_without_a_token_is_read(guarded: object, authority: Authority) -> None:
    """A client that sends without end is refused at its first message at the latest: the server takes none of it."""
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield bytes(4 << 20)

    credentials = grpc.ssl_channel_credentials(authority.file.read_bytes())
    with grpc.secure_channel(guarded.address, credentials) as channel:
        call = channel.stream_stream("/kinemacolor.v1.ColorizeService/StreamFrames")(endless())
        with pytest.raises(grpc.RpcError) as caught:
            next(call)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        for method in ("Drain", "EvictClip", "ListClips"):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(f"/kinemacolor.v1.ColorizeService/{method}")(b"\xff garbage")
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED  # and not MALFORMED
        reflect = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        with pytest.raises(grpc.RpcError) as caught:
            next(reflect(iter([b""])))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        health = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert health(b"") == b"\x08\x01"
        with pytest.raises(grpc.RpcError) as caught:
            next(channel.unary_stream("/grpc.health.v1.Health/Watch")(b""))
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert sent < 8
    assert "correct" not in guarded.log
    assert "wrong-horse" not in guarded.log


@TLS
def test_a_server_that_is_not_trusted_is_not_used(guarded: object, stranger: Authority, tokens: Path) -> None:
    with pytest.raises(AccessError, match="no authority that is trusted"):
        _connect(guarded, AccessFiles(token=tokens, ca=stranger.file))


@TLS
@pytest.mark.parametrize(
    ("names", "days", "text"), [(("example.org",), 1, "for another name"), (("127.0.0.1",), -1, "has expired")]
)
def test_a_bad_certificate_is_told_from_a_missing_server(
    folder: Path, authority: Authority, launch: Callable[..., object], names: tuple[str, ...], days: float, text: str
) -> None:
    server = _launch(launch, folder / names[0], authority.issue(*names, days=days))
    with pytest.raises(AccessError, match=text):
        _connect(server, AccessFiles(ca=authority.file))


@TLS
def test_plain_and_tls_that_meet_are_explained(guarded: object, tiny_server: str, trusted: AccessFiles) -> None:
    with pytest.raises(ServerUnreachableError, match="if it speaks TLS: tls:127"):
        _connect(guarded, trusted, scheme="")


@TLS
def test_tls_to_a_plain_server_is_explained(start_server: Callable[..., object], authority: Authority) -> None:
    server = start_server(listen="127.0.0.1:0")
    with pytest.raises(AccessError, match="does not speak TLS"):
        _connect(server, AccessFiles(ca=authority.file))


@TLS
def test_mutual_tls_takes_its_own_clients_only(mutual: object, authority: Authority, stranger: Authority) -> None:
    own, others = authority.issue("editor@example.org"), stranger.issue("editor@example.org")
    known = AccessFiles(ca=authority.file, certificate=own.certificate, key=own.key)
    with _connect(mutual, known) as client:
        assert client.list_models()
    for refused in (
        AccessFiles(ca=authority.file),
        replace(known, certificate=others.certificate, key=others.key),
    ):
        with pytest.raises(ClientError, match="may ask for a certificate"):
            _connect(mutual, refused)
    with _connect(mutual, known) as client:  # the refused ones have done no harm
        assert client.list_models()


@TOKENS
def test_a_token_is_added_and_withdrawn_while_the_server_runs(
    start_server: Callable[..., object], tmp_path: Path
) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN}\n")
    server = start_server("--token-file", str(path))

    def asks(token: str) -> bool:
        access = read_access(AccessFiles(), {"KINEMACOLOR_TOKEN": token})
        with connect(ServerAddress.parse(server.address), access=access) as client:
            try:
                client.list_models()
            except AccessError:
                return False
            return True

    assert (asks(TOKEN), asks(OTHER)) == (True, False)
    path.write_text(f"{OTHER}\n")
    os.utime(path, ns=(1, 1))
    assert (asks(TOKEN), asks(OTHER)) == (False, True)
    path.write_text("")  # a mistake locks nobody out
    os.utime(path, ns=(2, 2))
    assert asks(OTHER)
    assert "token file not read again" in server.log


def test_a_renewed_certificate_is_used_without_a_restart(
    start_server: Callable[..., object], authority: Authority, stranger: Authority, tmp_path: Path
) -> None:
    old, new = authority.issue("127.0.0.1"), stranger.issue("127.0.0.1")
    certificate, key = tmp_path / "crt", tmp_path / "key"
    shutil.copy(old.certificate, certificate)
    shutil.copy(old.key, key)
    server = start_server("--tls-cert", str(certificate), "--tls-key", str(key), listen="127.0.0.1:0")
    with _connect(server, AccessFiles(ca=authority.file)) as client:
        assert client.list_models()
    shutil.copy(new.certificate, certificate)  # between the two copies they do not belong together
    with _connect(server, AccessFiles(ca=authority.file)) as client:
        assert client.list_models()
    shutil.copy(new.key, key)
    with _connect(server, AccessFiles(ca=stranger.file)) as client:
        assert client.list_models()
    wait_until(lambda: "certificate read again" in server.log)


def test_a_certificate_that_ed25519_has_signed_is_taken(start_server: Callable[..., object], tmp_path: Path) -> None:
    """Its key is what gRPC has to know. What else stands in its file is nobody's business."""
    authority, key = Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("studio", "box")]
    now = datetime.now(UTC)
    limits = now - timedelta(minutes=1), now + timedelta(days=1)
    root = (
        x509.CertificateBuilder(names[0], names[0], authority.public_key(), x509.random_serial_number(), *limits)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority, None)
    )
    address = x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(names[0], names[1], key.public_key(), x509.random_serial_number(), *limits)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(authority, None)
    )
    certificate, private, ca = (tmp_path / name for name in ("crt", "key", "ca"))
    remark = "# für den Kasten: zwischen -----BEGIN CERTIFICATE----- und -----END CERTIFICATE-----\n"
    certificate.write_bytes(remark.encode() + made.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    ca.write_bytes(root.public_bytes(Encoding.PEM))
    server = start_server("--tls-cert", str(certificate), "--tls-key", str(private), listen="127.0.0.1:0")
    with _connect(server, AccessFiles(ca=ca)) as client:
        assert client.list_models()


def ed25519(folder: Path) -> tuple[Path, Path]:
    """A certificate that the system's TLS takes and gRPC's does not, and its key."""
    key, name = Ed25519PrivateKey.generate(), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "box")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1)
    ).sign(key, None)
    files = folder / "ed25519.crt", folder / "ed25519.key"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def test_files_that_are_replaced_while_they_are_read_are_read_again(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the old certificate could go with the new key."""
    old, new = authority.issue("127.0.0.1"), authority.issue("127.0.0.1", "renewed.lan", days=2)
    certificate, key = tmp_path / "crt", tmp_path / "key"
    shutil.copy(old.certificate, certificate)
    shutil.copy(new.key, key)
    check, checks = tls._check, []

    def replaced_before(files: TlsFiles) -> None:
        checks.append(files)
        shutil.copy(new.certificate, certificate)
        check(files)

    monkeypatch.setattr(tls, "_check", replaced_before)
    contents = tls._read(TlsFiles(certificate=certificate, key=key))
    assert contents[:2] == (new.certificate.read_bytes(), new.key.read_bytes())
    assert len(checks) == 2


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--listen", "0.0.0.0:0"], "needs --token-file, or --tls-client-ca"),
        (["--listen", "[::]:0", "--token-file", "{tokens}"], "name an address"),
        (["--token-file", "{nothing}"], "the token file cannot be read: No such file"),
        (["--token-file", "{empty}"], "has no token"),
        (["--token-file", "{short}"], "at least 16 characters"),
        (["--token-file", "{words}"], "a token is one word"),
        (["--listen", "[::0]:0", "--token-file", "{tokens}"], "name an address"),
        (["--tls-cert", "{certificate}"], "--tls-cert and --tls-key go together"),
        (["--tls-client-ca", "{ca}"], "needs --tls-cert"),
        (["--tls-cert", "{certificate}", "--tls-key", "{tokens}"], "expected a certificate and its key in PEM"),
        (["--tls-cert", "{certificate}", "--tls-key", "{other_key}"], "key values mismatch"),
        (["--tls-cert", "{ed25519}", "--tls-key", "{ed25519_key}"], "gRPC takes no certificates for Ed25519 keys"),
        (["--tls-cert", "{certificate}", "--tls-key", "{key}", "--tls-client-ca", "{tokens}"], "expected certificates"),
        (["--tls-cert", "{certificate}", "--tls-key", "{key}", "--listen", "unix:/tmp/s"], "TLS is for host:port"),
    ],
)
def test_a_server_with_bad_credentials_does_not_start(
    tmp_path: Path, authority: Authority, tokens: Path, options: list[str], text: str
) -> None:
    own, other = authority.issue("127.0.0.1"), authority.issue("other.example.org")
    named = {
        "tokens": tokens,
        "nothing": tmp_path / "no",
        "empty": tmp_path / "empty",
        "short": tmp_path / "short",
        "words": tmp_path / "words",
    }
    named |= dict(zip(("ed25519", "ed25519_key"), ed25519(tmp_path), strict=True))
    named |= {"certificate": own.certificate, "key": own.key, "other_key": other.key, "ca": authority.file}
    (tmp_path / "empty").write_text("# none\n\n")
    (tmp_path / "short").write_text("short\n")
    (tmp_path / "words").write_text(f"{TOKEN} # of the edit suite\n")
    listen = [] if "--listen" in options else ["--listen", "127.0.0.1:0"]
    status, stderr = start(*listen, "--model", "tiny", *(option.format(**named) for option in options))
    assert (status, stderr.count("\n")) == (2, 1), stderr
    assert text in stderr


def test_others_may_be_listened_to_if_they_say_who_they_are(tokens: Path, authority: Authority) -> None:
    assert ServerConfig(listen="0.0.0.0:7411", token_file=tokens).listen == "0.0.0.0:7411"
    own = authority.issue("127.0.0.1")
    tls = {"tls_certificate": own.certificate, "tls_key": own.key}
    with pytest.raises(ConfigError, match="needs --token-file"):  # encrypted, but for everybody
        ServerConfig(listen="0.0.0.0:7411", **tls)
    assert ServerConfig(listen="gpu-box.lan:7411", tls_client_ca=authority.file, **tls).tls_client_ca


def test_all_tokens_of_the_file_count(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(f"{TOKEN}\n\n  {OTHER}  \n# {'x' * 20}\n")
    file = TokenFile(path)
    assert all(file.accepts(token) for token in (TOKEN, OTHER))
    assert not any(file.accepts(token) for token in ("x" * 20, "", "\udcff"))


@pytest.mark.parametrize(
    ("values", "token"),
    [
        (["Bearer abc"], "abc"),
        (["bearer  abc "], "abc"),
        (["Basic abc"], None),
        (["Bearer "], None),
        (["Bearer a", "Bearer b"], None),
        ([], None),
    ],
)
def test_the_token_of_the_metadata(values: list[str], token: str | None) -> None:
    assert bearer_token([("x", "y"), *(("authorization", value) for value in values)]) == token
    assert bearer_token(authorization(TOKEN)) == TOKEN


def test_the_reason_is_in_the_contract() -> None:
    assert ErrorReason.UNAUTHENTICATED.value == pb.ERROR_REASON_UNAUTHENTICATED
