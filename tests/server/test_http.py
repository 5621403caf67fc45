"""The HTTP port of real servers: who may read, probes, metrics."""

import base64
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from box import start
from http_client import Samples, ask, http_address, samples
from streams import END, Stream, connect, frame, open_clip, wait_until

from certificates import Authority
from kinemacolor.server.config import ConfigError, ServerConfig
from kinemacolor.server.device_worker import DeviceWorker
from kinemacolor.server.engine import Engine
from kinemacolor.server.state_tiers import StateTiers
from kinemacolor.server.web.guard import token_of
from kinemacolor.v1 import colorize_pb2_grpc as pb_grpc

TOKEN = "correct-horse-battery"
HTTP = ("--http", "127.0.0.1:0")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("http")


@pytest.fixture(scope="module")
def plain(launch: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    return launch(tmp_path_factory.mktemp("p"), "--model", "tiny", *HTTP, listen="127.0.0.1:0")


@pytest.fixture
def stub(plain: Any) -> Iterator[pb_grpc.ColorizeServiceStub]:
    with connect(plain.address) as made:
        yield made


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def tokens(folder: Path) -> Path:
    path = folder / "tokens"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def guarded(launch: Callable[..., Any], folder: Path, authority: Authority, tokens: Path) -> Any:
    """A server that wants a token, TLS and its clients' certificates."""
    files = authority.issue("127.0.0.1")
    tls = ("--tls-cert", str(files.certificate), "--tls-key", str(files.key), "--tls-client-ca", str(authority.file))
    return launch(folder, "--model", "tiny", *HTTP, *tls, "--token-file", str(tokens), listen="127.0.0.1:0")


@pytest.fixture(scope="module")
def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.file))


@pytest.fixture(scope="module")
def known(authority: Authority) -> ssl.SSLContext:
    """Of a client that has a certificate."""
    context = ssl.create_default_context(cafile=str(authority.file))
    files = authority.issue("client.lan")
    context.load_cert_chain(files.certificate, files.key)
    return context


# ---- who may read, and how ----


def test_the_port_is_off_unless_asked_for(start_server: Callable[..., Any]) -> None:
    server = start_server()
    tables = [Path(f"/proc/{server.process.pid}/net/{name}").read_text() for name in ("tcp", "tcp6")]
    listening = {line.split()[9] for table in tables for line in table.splitlines()[1:] if line.split()[3] == "0A"}
    links = [link.readlink() for link in Path(f"/proc/{server.process.pid}/fd").iterdir()]
    assert listening.isdisjoint(str(link).removeprefix("socket:[").rstrip("]") for link in links)
    assert "http=" not in server.log


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"http": "0.0.0.0:7412"}, "can be reached from other machines"),
        ({"http": "unix:/run/page"}, "--http takes host:port"),
        ({"http": "nonsense"}, "expected host:port"),
        ({"http": "127.0.0.1:7411"}, "each needs a port of its own"),
    ],
)
def test_a_bad_address_is_refused(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        ServerConfig(**fields)


def test_a_guarded_server_may_be_read_from_elsewhere(tmp_path: Path) -> None:
    assert ServerConfig(http="0.0.0.0:7412", token_file=tmp_path / "tokens").http == "0.0.0.0:7412"


def test_a_port_in_use_is_one_line(plain: Any, short_folder: Path) -> None:
    address = http_address(plain)
    status, said = start("--model", "tiny", "--listen", f"unix:{short_folder}/s", "--http", address)
    assert (status, said) == (
        3,
        f"kinemacolor serve: cannot listen on {address} (--http): Address already in use\n",
    )


def test_only_what_there_is_is_answered_and_only_to_get(plain: Any) -> None:
    address = http_address(plain)
    assert ask(address, "/nothing").status == 404
    assert ask(address, "/../../etc/passwd").status == 404
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        refused = ask(address, "/metrics", method)
        assert (refused.status, refused.headers["Allow"]) == (405, "GET,HEAD")
    head, body = ask(address, "/metrics", "HEAD"), ask(address, "/metrics")
    assert (head.status, head.body, head.headers["Content-Type"]) == (200, b"", body.headers["Content-Type"])
    assert body.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert body.headers["Cache-Control"] == "no-store"
    assert body.headers["Server"] == "kinemacolor"
    assert "Set-Cookie" not in body.headers


def test_another_name_for_this_machine_is_refused(plain: Any) -> None:
    """A website whose name points to 127.0.0.1 must not read through the browser of this machine."""
    address = http_address(plain)
    assert ask(address, "/metrics", headers={"Host": "films.example"}).status == 421
    assert ask(address, "/metrics", headers={"Host": "127.0.0.1.films.example:80"}).status == 421
    assert ask(address, "/metrics", headers={"Host": "localhost:9"}).status == 200
    assert ask(address, "/metrics", headers={"Host": "[::1]:9"}).status == 200
    assert ask(address, "/healthz", headers={"Host": "10.0.0.1"}).status == 200


def basic(password: str, user: str = "anybody") -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(TOKEN), basic(TOKEN, user="")])
def test_the_token_opens_the_port(guarded: Any, known: ssl.SSLContext, value: str) -> None:
    assert ask(http_address(guarded), "/metrics", headers={"Authorization": value}, context=known).status == 200


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer wrong-horse-battery", basic("wrong-horse-battery"), "Basic %%", f"Digest {TOKEN}"]
)
def test_without_the_token_nothing_is_read(guarded: Any, known: ssl.SSLContext, value: str) -> None:
    headers = {"Authorization": value} if value else {}
    for path in ("/metrics", "/nothing"):
        refused = ask(http_address(guarded), path, headers=headers, context=known)
        assert refused.status == 401
        assert "token" in refused.text
        assert [each.split()[0] for each in refused.headers.get_all("WWW-Authenticate") or ()] == ["Basic", "Bearer"]
    assert "horse" not in guarded.log


def test_who_is_refused_writes_no_lines_into_the_log(guarded: Any, known: ssl.SSLContext) -> None:
    headers = {"Authorization": "Bearer wrong-horse-battery"}
    assert ask(http_address(guarded), "/x%0Aforged=1", headers=headers, context=known).status == 401
    assert "path=/x%0Aforged=1" in guarded.log


def test_what_a_malformed_request_holds_is_not_in_the_log(plain: Any) -> None:
    host, _, port = http_address(plain).rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer not-to-be-told\x01\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.0 400")
    assert ask(http_address(plain), "/healthz").status == 200
    assert "not-to-be-told" not in plain.log


def test_without_a_certificate_only_the_probes_answer(guarded: Any, trusting: ssl.SSLContext) -> None:
    address, headers = http_address(guarded), {"Authorization": f"Bearer {TOKEN}"}
    assert ask(address, "/metrics", headers=headers, context=trusting).status == 403
    assert ask(address, "/healthz", context=trusting).text == "ok\n"
    assert ask(address, "/readyz", context=trusting).text == "ok\n"


def test_a_certificate_of_a_stranger_is_no_certificate(guarded: Any, authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").issue("client.lan")
    context = ssl.create_default_context(cafile=str(authority.file))
    context.load_cert_chain(stranger.certificate, stranger.key)
    with pytest.raises(OSError, match=r"(?i)ssl|reset|alert|broken|closed"):
        ask(http_address(guarded), "/healthz", context=context)


def test_a_renewed_certificate_is_taken(
    start_server: Callable[..., Any], authority: Authority, trusting: ssl.SSLContext, tmp_path: Path
) -> None:
    files, renewed = authority.issue("127.0.0.1"), authority.issue("127.0.0.1", "renewed.lan", days=2)
    certificate, key = tmp_path / "c", tmp_path / "k"
    certificate.write_bytes(files.certificate.read_bytes())
    key.write_bytes(files.key.read_bytes())
    server = start_server(*HTTP, "--tls-cert", str(certificate), "--tls-key", str(key), listen="127.0.0.1:0")
    host, _, port = http_address(server).rpartition(":")

    def names() -> str:
        with (
            socket.create_connection((host, int(port)), timeout=60) as plain_socket,
            trusting.wrap_socket(plain_socket, server_hostname=host) as connection,
        ):
            return str(connection.getpeercert())

    assert "renewed.lan" not in names()
    certificate.write_bytes(renewed.certificate.read_bytes())
    assert "renewed.lan" not in names()  # the two do not belong together yet
    key.write_bytes(renewed.key.read_bytes())
    assert "renewed.lan" in names()


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer a b", "a b"), ("Basic " + base64.b64encode(b"u:p:q").decode(), "p:q"), ("Basic dTo=", None), ("x", None)],
)
def test_tokens_are_found_in_headers(header: str, token: str | None) -> None:
    assert token_of(header) == token


# ---- probes ----


def test_a_draining_server_is_alive_and_not_ready(start_server: Callable[..., Any]) -> None:
    server = start_server(*HTTP)
    address = http_address(server)
    with connect(server.address) as stub:
        stream = Stream(stub)
        stream.opened(open_clip())
        assert ask(address, "/readyz").status == 200
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "draining" in server.log)
        answer = ask(address, "/readyz")
        assert (answer.status, answer.text) == (503, "draining\n")
        assert ask(address, "/healthz").status == 200
        assert samples(ask(address, "/metrics").text)["kinemacolor_draining", ()] == 1
        stream.send(END)
        stream.half_close()
        stream.take("clip_ended")
    assert server.process.wait(60) == 0
    with pytest.raises(OSError, match="refused"):
        ask(address, "/healthz")


def test_a_device_thread_that_hangs_does_not_answer() -> None:
    engine, release, entered = Engine(ServerConfig(device="cpu")), Event(), Event()
    with DeviceWorker(engine, StateTiers(engine.device, 0, 0)) as worker:
        assert worker.answers_within(60)
        hanging = worker.call(lambda _: (entered.set(), release.wait()))
        assert entered.wait(60)
        assert worker.answers_within(60)
        wait_until(lambda: not worker.answers_within(0.01))
        release.set()
        hanging.result(60)
        wait_until(lambda: worker.answers_within(60))
    assert not worker.answers_within(60)


# ---- metrics ----


def read(server: Any) -> Samples:
    return samples(ask(http_address(server), "/metrics").text)


def rise(before: Samples, after: Samples, name: str, *labels: str) -> float:
    return after[f"kinemacolor_{name}", labels] - before.get((f"kinemacolor_{name}", labels), 0)


def test_what_three_frames_leave_behind(plain: Any, stub: pb_grpc.ColorizeServiceStub) -> None:
    before = read(plain)
    stream = Stream(stub)
    stream.opened(open_clip("counted", first_frame=0))
    sent = [frame(0, pre_roll=True), frame(1), frame(2)]
    stream.send(*sent)
    stream.take("progress")
    answers = [stream.take("color_frame") for _ in range(2)]
    during = read(plain)
    stream.send(END)
    stream.half_close()
    stream.take("clip_ended")
    wait_until(lambda: rise(before, read(plain), "frame_seconds_count", "send") == 2)
    after = read(plain)

    assert rise(before, after, "frames_total", "tiny", "colored") == 2
    assert rise(before, after, "frames_total", "tiny", "pre_roll") == 1
    assert rise(before, after, "frames_total", "tiny", "failed") == 0
    for stage in ("queue", "net", "recurrent"):
        assert rise(before, after, "frame_seconds_count", stage) == 3
        assert rise(before, after, "frame_seconds_sum", stage) > 0
    assert rise(before, after, "batch_frames_sum") == 3
    assert rise(before, after, "frame_bytes_total", "in") == sum(len(each.SerializeToString()) for each in sent)
    assert rise(before, after, "frame_bytes_total", "out") > sum(len(each.ab) for each in answers)  # type: ignore[attr-defined]
    assert during["kinemacolor_clips_active", ()] == 1
    assert during["kinemacolor_clip_states", ("device",)] >= 1
    assert during["kinemacolor_clip_state_bytes", ("device",)] > 0
    assert after["kinemacolor_clips_active", ()] == 0


def test_a_client_that_comes_back_is_counted_and_no_clip_is_named(plain: Any, stub: Any) -> None:
    before = read(plain)
    stream = Stream(stub)
    stream.opened(open_clip("secret-film", client_name="secret-client"))
    stream.color(frame(0))
    stream.call.cancel()
    wait_until(lambda: read(plain)["kinemacolor_clips_waiting", ()] == 1)
    again = Stream(stub)
    again.opened(open_clip("secret-film", first_frame=1))
    again.color(frame(1))
    again.send(END)
    again.half_close()
    again.take("clip_ended")
    text = ask(http_address(plain), "/metrics").text
    after = samples(text)
    assert rise(before, after, "resumes_total") == 1
    assert rise(before, after, "stream_disconnects_total", "lost") == 1
    assert "secret" not in text


def test_who_hangs_up_after_the_last_answer_is_not_lost(plain: Any, stub: Any) -> None:
    before = read(plain)
    for _ in range(3):
        stream = Stream(stub)
        stream.opened(open_clip("hung-up"))
        stream.color(frame(0))
        stream.send(END)
        stream.take("clip_ended")
        stream.call.cancel()
    lost = Stream(stub)
    lost.opened(open_clip("lost"))
    lost.call.cancel()
    wait_until(lambda: rise(before, read(plain), "stream_disconnects_total", "lost") >= 1)
    wait_until(lambda: read(plain)["kinemacolor_clips_active", ()] == 0)
    assert rise(before, read(plain), "stream_disconnects_total", "lost") == 1


def test_streams_that_are_refused_are_counted_by_reason(plain: Any, stub: Any) -> None:
    before = read(plain)
    stream = Stream(stub)
    stream.opened(open_clip("refused"))
    stream.send(frame(7))
    stream.refusal()
    assert rise(before, read(plain), "stream_disconnects_total", "out_of_order") == 1


def test_snapshots_and_what_stands_still_is_there(plain: Any, stub: Any) -> None:
    stream = Stream(stub)
    stream.opened(open_clip("snapped"))
    for number in range(24):
        stream.color(frame(number))
    wait_until(lambda: read(plain)["kinemacolor_snapshot_seconds_count", ()] >= 2)
    stream.send(END)
    stream.half_close()
    stream.take("clip_ended")
    after = read(plain)
    assert after["kinemacolor_snapshot_failures_total", ()] == 0
    assert after["kinemacolor_clips_limit", ()] == 32
    assert after["kinemacolor_oom_total", ()] == after["kinemacolor_nonfinite_pixels_total", ()] == 0
    assert after["kinemacolor_state_evictions_total", ()] == after["kinemacolor_state_restores_total", ()] == 0
    assert after["kinemacolor_model_load_seconds", ("tiny",)] > 0
    assert any(name == "kinemacolor_build_info" and labels[0].startswith("cpu/") for name, labels in after)
    assert after["process_resident_memory_bytes", ()] > 1 << 20
    assert not [name for name, _ in after if name.endswith("_created")]


BROKEN = """
import sys
from kinemacolor.models.networks.tiny import TinyColorizer
from kinemacolor.server.main import main
step = TinyColorizer.step
def broken(self, state, proposal):
    result = step(self, state, proposal)
    result.ab[0, 3, 5:8] = float("nan")
    result.ab[1, 3, 5] = float("inf")
    return result
TinyColorizer.step = broken
sys.exit(main())
"""


def test_pixels_that_are_no_colour_are_counted(start_server: Callable[..., Any]) -> None:
    server = start_server(*HTTP, program=(sys.executable, "-c", BROKEN))
    with connect(server.address) as stub:
        stream = Stream(stub)
        stream.opened(open_clip())
        stream.send(frame(0))
        stream.take("frame_error")
        after = read(server)
    assert after["kinemacolor_nonfinite_pixels_total", ()] == 3
    assert after["kinemacolor_frames_total", ("tiny", "failed")] == 1


def test_the_ready_line_says_where(short_folder: Path) -> None:
    command = [sys.executable, "-m", "kinemacolor.server", "--model", "tiny", "--exit-with-stdin", *HTTP]
    done = subprocess.run(
        [*command, "--listen", f"unix:{short_folder}/s"],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["http"].startswith("127.0.0.1:")
