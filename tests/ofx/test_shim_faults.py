"""What goes wrong with the helper, and what the host's user sees of it. Every test is a process of its own.

The deadline of most tests is short, so that a silent helper costs little time; it is far above what a frame takes here.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import textwrap
import time
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import pytest
from reading import words_in
from sanitizers import FINDINGS_PREFIX, watched
from shim_child import in_child
from stage import OBEDIENT, Stage, helpers, magenta_share, noise, renders_inverted, wait_until

from kinemacolor.ofx.helper.protocol import MAGIC, MAX_PAYLOAD_BYTES, MessageType
from kinemacolor.ofx.minihost import MLT, RESOLVE, HostTraits, Instance, Layout, MiniHost, PixelDepth, RenderArguments

IMAGE = noise(Layout(bounds=(3, -2, 323, 178)))
DEADLINE_MS = 400
SOON_SECONDS = 3.0
"""Less than any deadline that is not shortened, more than a helper's start."""


GENERATION, SERIAL = 0xCDCDCDCD, 0xABABABABABABABAB
"""The effect of the tests puts the right ones in their place."""


def message(kind: int, length: int, payload: str = "", generation: int = GENERATION, serial: int = SERIAL,
            magic: int = MAGIC) -> str:  # fmt: skip
    """In hexadecimal digits, with a header that may lie."""
    return struct.pack("<IIIIQ", magic, kind, length, generation, serial).hex() + payload


def fake_python(folder: Path, body: str) -> Path:
    """A program that the shim takes for the interpreter. It may change the helper before it runs it."""
    program = folder / "python-of-another-kind"
    head = f"#!{sys.executable}\nimport os, sys, time\nfrom kinemacolor.ofx.helper import __main__, serving\n"
    program.write_text(head + textwrap.dedent(body))
    program.chmod(0o755)
    return program


def open_files() -> dict[str, str]:
    """Of this process, by number; the one that lists them left out."""
    found = {}
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            found[number] = os.readlink(f"/proc/self/fd/{number}")
    return {
        number: path for number, path in found.items() if not path.startswith("/proc/") and FINDINGS_PREFIX not in path
    }


def complains(host: MiniHost, instance: Instance, *words: str) -> bool:
    """Whether a frame fails, and the message at the effect says these words."""
    failed = not instance.render().ok
    return failed and all(word in (host.record.persistent or "") for word in words)


# ---- a helper that dies, hangs or talks nonsense ----


@in_child
def test_a_helper_that_dies_or_hangs_in_a_frame_is_replaced_and_the_frame_repeated(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, KINEMACOLOR_OFX_DEADLINE_MS=DEADLINE_MS)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        for count, (deed, words) in enumerate(
            {
                "kill once": "was killed by signal 9",
                "exit once": "ended with status 7",
                "stop once": "did not answer",
                "hang once": "did not answer",
            }.items(),
            start=2,
        ):
            assert renders_inverted(instance.set(model=deed), IMAGE), stage.log
            assert len(stage.said("start")) == count
            assert words in stage.log
            alive = [helper.pid for helper in helpers()]
            assert alive == [stage.last("start")["pid"]], "the old one is gone, the new one is there"
        assert host.record.messages == []


@in_child
def test_a_helper_that_was_killed_between_frames_is_not_missed(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        for deaths in range(3):
            assert renders_inverted(instance, IMAGE)
            assert len(stage.said("start")) == deaths + 1
            os.kill(stage.last("start")["pid"], signal.SIGKILL)
        assert renders_inverted(instance, IMAGE)


@in_child
def test_nonsense_on_the_wire_ends_the_helper_and_nothing_else(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, KINEMACOLOR_OFX_DEADLINE_MS=DEADLINE_MS)
    done = MessageType.DONE
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert renders_inverted(instance, IMAGE)
        nonsense = {
            "no message": "00" * 100,
            "another magic": message(done, 0, magic=1),
            "longer than allowed": message(done, MAX_PAYLOAD_BYTES + 1),
            "longer than 32 bits are good for": message(done, 2**32 - 1),
            "another generation": message(done, 0, generation=77),
            "a type that nobody knows": message(99, 0),
            "a type that only the shim says": message(MessageType.RENDER, 0),
            "an answer that ends too early": message(done, 4, "00000000"),
            "an answer that is too long": message(done, 12, "00" * 12),
            "a status that is none": message(done, 8, "0900000000000000"),
            "a text longer than its message": message(done, 8, "00000000ffffffff"),
        }
        for what, digits in nonsense.items():
            before = len(stage.said("render"))
            assert renders_inverted(instance.set(model=f"say {what} once:{digits}"), IMAGE), what
            assert len(stage.said("render")) == before + 2, what
        assert stage.log.count("makes no sense") == len(nonsense)

        # A message of the largest size, and answers to other questions: all of it is heard and means nothing.
        pid = stage.last("start")["pid"]
        harmless = (
            message(MessageType.HEARTBEAT, MAX_PAYLOAD_BYTES, "00" * MAX_PAYLOAD_BYTES),
            message(done, 8, "00" * 8, serial=10**6),
            message(MessageType.WELCOME, 0),
            message(MessageType.PROGRESS, 0) * 50,
        )
        (tmp_path / "harmless").write_text("".join(harmless))
        assert renders_inverted(instance.set(model=f"say file:{tmp_path / 'harmless'}"), IMAGE)
        assert stage.last("render")["pid"] == pid


@in_child
def test_after_three_deaths_the_frame_has_no_colour_and_the_next_one_is_tried(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert complains(host, instance.set(model="kill"), "was killed by signal 9", "(3 times over)")
        assert len(stage.said("render")) == 3
        assert renders_inverted(instance.set(model=""), IMAGE)
        assert host.record.persistent is None


@in_child
def test_a_host_that_stood_still_does_not_blame_the_helper(shim: Path, tmp_path: Path):
    """Suspended, stopped in a debugger, swapped out: the deadline passes, but not for want of the helper."""
    stage = Stage(tmp_path, KINEMACOLOR_OFX_DEADLINE_MS=500)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert renders_inverted(instance, IMAGE)
        pid = stage.last("start")["pid"]
        stopper = subprocess.Popen(
            [
                "sh",
                "-c",
                f"kill -STOP {pid} {os.getpid()}; sleep 1.2; kill -CONT {os.getpid()}; sleep 0.2; kill -CONT {pid}",
            ]
        )
        assert renders_inverted(instance.set(model="slow:1.6"), IMAGE)
        assert stopper.wait() == 0
        assert [told["pid"] for told in stage.said("start")] == [pid]


# ---- a helper that cannot start ----


@in_child
def test_what_is_wrong_with_the_interpreter_is_said_in_words(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    (tmp_path / "no-program").write_text("")
    for python, words in {
        "/nowhere/bin/python": "the helper's Python is gone: /nowhere/bin/python; run: kinemacolor plugin install",
        "python3": "the helper's Python is gone: python3",
        str(tmp_path / "no-program"): "could not be started: Permission denied",
        "/bin/false": "the helper ended with status 1 at its start",
    }.items():
        os.environ["KINEMACOLOR_PYTHON"] = python
        with MiniHost(shim) as host:
            instance = host.describe().create(lambda _: IMAGE)
            assert complains(host, instance, words), host.record.persistent
            started = time.monotonic()
            assert complains(host, instance, words)
            assert time.monotonic() - started < 0.1, "it is not tried again at once"
            assert helpers() == []
            if python == "/bin/false":
                os.environ["KINEMACOLOR_PYTHON"] = sys.executable
                wait_until(partial(renders_inverted, instance, IMAGE), "a frame with the right interpreter")
                assert host.record.persistent is None
    assert stage.log.count("at its start") >= 3


@in_child
def test_the_interpreter_is_that_of_the_environment_or_of_the_bundle_and_no_other(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    contents = tmp_path / "b.ofx.bundle" / "Contents"
    (contents / "Linux-x86-64").mkdir(parents=True)
    (contents / "Resources").mkdir()
    library = contents / "Linux-x86-64" / "kinemacolor.ofx"
    library.write_bytes(shim.read_bytes())
    named = contents / "Resources" / "python.txt"
    for text, works in (
        (None, False),
        ("", False),
        (f"  \n{sys.executable}", False),
        (f"{sys.executable} \r\n#", True),
    ):
        if text is not None:
            named.write_text(text)
        with MiniHost(library) as host:
            instance = host.describe().create(lambda _: IMAGE)
            if works:
                assert renders_inverted(instance, IMAGE), stage.log
            else:
                assert complains(host, instance, "no Python is set up", "kinemacolor plugin install")
    named.write_text("/nowhere/python\n")
    os.environ["KINEMACOLOR_PYTHON"] = sys.executable
    with MiniHost(library) as host:
        assert renders_inverted(host.describe().create(lambda _: IMAGE), IMAGE), "the environment comes first"


@in_child
def test_an_effect_and_a_helper_of_different_versions_do_not_try(shim: Path, tmp_path: Path):
    for change in ("serving.PROTOCOL_VERSION = 7", "serving.table_hash = lambda: 7"):
        stage = Stage(
            tmp_path, KINEMACOLOR_PYTHON=fake_python(tmp_path, f"{change}\nsys.exit(__main__.main())\n"),
        )  # fmt: skip
        with MiniHost(shim) as host:
            instance = host.describe().create(lambda _: IMAGE)
            assert complains(host, instance, "are of different versions; run: kinemacolor plugin install"), stage.log
            assert stage.said("render") == []
            assert helpers() == []


@in_child
def test_a_helper_that_is_silent_at_its_first_start_is_started_again(shim: Path, tmp_path: Path):
    body = f"""
    try:
        os.mkdir({str(tmp_path / "was-here")!r})
    except FileExistsError:
        sys.exit(__main__.main())
    time.sleep(60)
    """
    stage = Stage(tmp_path, KINEMACOLOR_PYTHON=fake_python(tmp_path, body), KINEMACOLOR_OFX_START_MS=3000)
    with MiniHost(shim) as host:
        assert renders_inverted(host.describe().create(lambda _: IMAGE), IMAGE), stage.log
    assert "did not answer at its start" in stage.log
    assert len(stage.said("start")) == 1


@in_child
def test_a_helper_that_never_gets_ready_is_given_up_after_two_tries(shim: Path, tmp_path: Path):
    fakes = {
        "did not answer": "time.sleep(60)",
        "makes no sense": "os.write(3, b'Traceback (most recent call last)')\ntime.sleep(60)",
        "ended": "os.close(3); time.sleep(60)",
    }
    for words, body in fakes.items():
        stage = Stage(
            tmp_path, KINEMACOLOR_PYTHON=fake_python(tmp_path, body), KINEMACOLOR_OFX_START_MS=3000,
        )  # fmt: skip
        with MiniHost(shim) as host:
            instance = host.describe().create(lambda _: IMAGE)
            started = time.monotonic()
            assert complains(host, instance, words, "at its start"), (stage.log, host.record.persistent)
            assert time.monotonic() - started < 4 * SOON_SECONDS
            started = time.monotonic()
            assert complains(host, instance, words)
            assert time.monotonic() - started < 0.2, "the next frame does not wait for it again"
            assert helpers() == []


@in_child
def test_an_effect_that_cannot_work_says_why(shim: Path, tmp_path: Path):
    Stage(tmp_path, KINEMACOLOR_TEST_START="raise")
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert complains(host, instance, "no server answers at unix:/run/kinemacolor")
    Stage(tmp_path, "no such effect")
    with MiniHost(shim) as host:
        assert complains(host, host.describe().create(lambda _: IMAGE), "there is no effect called 'no such effect'")


# ---- an effect that fails ----


@in_child
def test_an_effect_s_error_is_one_line_and_the_helper_lives_on(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert complains(
            host, instance.set(model="raise known:100 %s of the film\nis gone"), "100 %s of the film is gone"
        )
        assert complains(host, instance.set(model="raise"), "internal error", "ValueError: a hole in the logic")
        assert complains(host, instance.set(model="raise much"), "grün grün")
        assert not host.record.persistent.encode().endswith(b"\xc3")
        assert complains(host, instance.set(model="aborted"), "stopped in the middle")
        assert complains(host, instance.set(model="answer badly:a\x07bell"), "a bell")
        assert "Traceback" in stage.log
        assert renders_inverted(instance.set(model=""), IMAGE)
        assert host.record.persistent is None
        assert len(stage.said("start")) == 1
        count = len(host.record.messages)
        for _ in range(3):
            instance.set(model="raise known:again").render()
        assert len(host.record.messages) == count + 1, "the same thing is said once"

    with MiniHost(shim, RESOLVE) as host:  # no persistent messages there
        instance = host.describe().create(lambda _: IMAGE).set(model="raise known:100 % gone")
        assert not instance.render().ok
        assert not instance.render().ok
        assert host.record.messages == [("OfxMessageError", "100 % gone")]


@in_child
def test_where_failure_counts_as_success_the_picture_says_what_is_wrong(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    told = "the server at unix:/run/k is gone since 12:30"
    for depth in PixelDepth:
        for components, top_down in (("OfxImageComponentRGBA", True), ("OfxImageComponentRGB", False)):
            image = noise(Layout(bounds=(5, 7, 325, 187), depth=depth, components=components, top_down=top_down))
            with MiniHost(shim, MLT) as host:
                instance = host.describe().create(lambda _, image=image: image)
                rendered = instance.set(model=f"raise known:{told}", onError=1).render()
                assert rendered.ok
                picture = rendered.image.picture
                assert words_in(picture) == f"KINEMACOLOR: NO COLOUR {told.upper()}", depth
                assert magenta_share(picture) > 0.2
                assert picture.shape[2] == 3 or np.all(picture[..., 3] == picture[..., 3].max()), "opaque"
                assert np.isfinite(picture.astype(np.float64)).all()
    assert "has no colour: the server" in stage.log


@in_child
def test_an_error_fits_into_pictures_of_any_size_and_into_the_render_window(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    with MiniHost(shim, MLT) as host:
        effect = host.describe()
        for width, height in ((1, 1), (2, 40), (40, 2), (64, 36), (720, 576), (1920, 1080)):
            image = noise(Layout(bounds=(0, 0, width, height)))
            instance = effect.create(lambda _, image=image: image).set(model="raise known:" + "word " * 200)
            rendered = instance.render()
            assert rendered.ok
            assert width < 64 or magenta_share(rendered.image.picture) > 0.03
            if width >= 720:
                assert words_in(rendered.image.picture).startswith("KINEMACOLOR: NO COLOUR WORD WORD")
        window = instance.render(arguments=RenderArguments(window=(100, 50, 200, 1000))).image.picture
        outside = window.copy()
        outside[80:1030, 100:200] = 0
        assert not outside.any()
        assert window.any()


# ---- a host that does not want the frame any more ----


@in_child
def test_an_abort_returns_soon_and_the_next_frame_works(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, KINEMACOLOR_OFX_DEADLINE_MS=DEADLINE_MS)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert renders_inverted(instance, IMAGE)
        pid = stage.last("start")["pid"]

        def abort_when_begun(model: str) -> float:
            count = len(stage.said("render"))
            begun: list[float] = []

            def aborted() -> bool:
                if not begun and len(stage.said("render")) > count:
                    begun.append(time.monotonic())
                return bool(begun)

            assert not instance.set(model=model).render(arguments=RenderArguments(aborted=aborted)).ok
            return time.monotonic() - begun[0]

        assert abort_when_begun("slow:30") < 0.5
        assert stage.said("aborted")
        assert renders_inverted(instance.set(model=""), IMAGE)
        # It works on and does not listen: the next frame waits for its end, as the picture is still in its hands.
        assert abort_when_begun("deaf:0.5") < 0.5
        assert renders_inverted(instance.set(model=""), IMAGE)
        assert [told["pid"] for told in stage.said("start")] == [pid]
        # It does not even show life: it is replaced when the next frame comes.
        assert abort_when_begun("hang") < 0.5
        assert renders_inverted(instance.set(model=""), IMAGE)
        assert len(stage.said("start")) == 2
        # It never lets go, though it shows life.
        assert abort_when_begun("deaf:30") < 0.5
        assert renders_inverted(instance.set(model=""), IMAGE)
        assert "did not stop a frame" in stage.log
        assert host.record.messages == [], "what is not wanted is no error"


@in_child
def test_an_abort_during_the_helper_s_start_returns_at_once(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, KINEMACOLOR_TEST_START="hang", KINEMACOLOR_OFX_START_MS=1000)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        started = time.monotonic()
        assert not instance.render(arguments=RenderArguments(aborted=lambda: bool(stage.said("start")))).ok
        assert time.monotonic() - started < 2.0
        assert host.record.messages == []
        assert complains(host, instance, "did not answer at its start")
        assert len(stage.said("start")) == 2, "it was waited for further, then started once more"


# ---- what the helper gets from its host, and what it leaves ----


@in_child
def test_nothing_of_the_host_reaches_the_helper_but_what_it_needs(shim: Path, tmp_path: Path):
    host_s_own = {
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": "/nowhere",
        "PYTHONSTARTUP": "/nowhere",
        "LD_LIBRARY_PATH": "/nowhere",
        "LD_PRELOAD_OF_HOST": "/nowhere",
        "DYLD_INSERT_LIBRARIES": "/nowhere",
        "__PYVENV_LAUNCHER__": "/nowhere",
    }
    stage = Stage(tmp_path, **host_s_own, HOST_S_SETTING="stays")
    listener = socket.socket()
    listener.set_inheritable(True)
    for number in (5, 7, 60, 300):
        os.dup2(listener.fileno(), number, inheritable=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR1])
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert renders_inverted(instance.set(model="surroundings"), IMAGE), stage.log
        seen = stage.last("surroundings")
        pid = stage.last("start")["pid"]
        assert not set(host_s_own) & set(seen["environment"])
        assert not [name for name in seen["environment"] if name.startswith(("PYTHON", "LD_", "DYLD_"))]
        assert os.environ.get("LD_PRELOAD", "nothing") not in Path(f"/proc/{pid}/maps").read_text()
        assert seen["environment"]["HOST_S_SETTING"] == "stays"
        kinds = {int(number): path.split(":")[0] for number, path in seen["descriptors"].items()}
        assert {number: kind for number, kind in kinds.items() if number < 5} == {
            0: "/dev/null",
            1: str(tmp_path / "ofx.log"),
            2: str(tmp_path / "ofx.log"),
            3: "socket",
            4: "/memfd",
        }
        own = {str(tmp_path / "ofx.log"), "/memfd"}  # Python's mmap keeps a descriptor of its own
        assert {path for number, path in kinds.items() if number > 4} <= own
        assert seen["session"] == pid
        assert seen["blocked"] == []
        assert signal.SIGHUP not in seen["ignored"]
        assert str(Path.cwd()) not in seen["path"]
        assert "" not in seen["path"]
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == {signal.SIGTERM, signal.SIGUSR1}


@in_child
def test_a_host_without_standard_streams_is_served(shim: Path, tmp_path: Path):
    """Programs with a window have often none; the numbers 0 to 4 are then free for anybody."""
    stage = Stage(tmp_path)
    kept = [os.dup(number) for number in range(3)]
    os.closerange(0, 3)
    try:
        with MiniHost(shim) as host:
            assert renders_inverted(host.describe().create(lambda _: IMAGE).set(model="print:hello"), IMAGE)
    finally:
        for number, old in enumerate(kept):
            os.dup2(old, number)
    assert "hello on stdout" in stage.log
    assert "hello on stderr" in stage.log


@in_child
def test_a_host_that_ignores_its_children_s_ends_is_served(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert renders_inverted(instance.set(model="kill once"), IMAGE)
        assert "ended" in stage.log
        host.act("OfxActionUnload")
        assert helpers() == []


@in_child
def test_unloading_leaves_nothing(shim: Path, tmp_path: Path):
    Stage(tmp_path, KINEMACOLOR_OFX_DEADLINE_MS=DEADLINE_MS)
    before, shared = open_files(), os.listdir("/dev/shm")
    for rounds in range(2):
        with MiniHost(shim) as host:
            instance = host.describe().create(lambda _: IMAGE)
            for model in ("", "kill", "exit", "raise", ""):
                instance.set(model=model).render()
            assert len(helpers()) == 1
            host.act("OfxActionUnload")
            assert helpers() == []
            assert open_files() == before, f"round {rounds}"
            assert "memfd:kinemacolor" not in Path("/proc/self/maps").read_text()
            # Nothing of a helper that does not end is left, either.
            abort = RenderArguments(aborted=lambda host=host: len(host.record.fetched) > 0 and bool(helpers()))
            instance.set(model="hang").render(arguments=abort)
            started = time.monotonic()
            host.act("OfxActionUnload")
            assert time.monotonic() - started < SOON_SECONDS
            assert helpers() == []
            assert open_files() == before
    assert os.listdir("/dev/shm") == shared


HOST = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from stage import Stage, noise
from kinemacolor.ofx.minihost import Layout, MiniHost
stage = Stage(Path({folder!r}), {effect!r})
image = noise(Layout())
host = MiniHost(Path({shim!r}))
instance = host.describe().create(lambda _: image)
instance.render()
for model in sys.argv[1:]:
    instance.set(model=model).render()
print("rendered", flush=True)
sys.stdin.read()
"""


def kill_host_of(shim: Path, folder: Path, *models: str) -> psutil.Process:
    """Its helper, when the host is gone: in the last of these frames, or after the first one."""
    script = HOST.format(tests=str(Path(__file__).parent), folder=str(folder), effect=OBEDIENT, shim=str(shim))
    command = [sys.executable, "-c", script, *models]
    with (
        watched() as environment,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as host,
    ):
        try:
            wait_until(lambda: len(told(folder, "render")) == 1 + len(models), "the frames")
            if not models:
                assert host.stdout is not None
                assert host.stdout.readline() == b"rendered\n"
            return psutil.Process(told(folder, "start")[0]["pid"])
        finally:
            host.kill()


def test_the_helper_ends_with_a_host_that_is_killed(shim: Path, tmp_path: Path):
    for place, models in enumerate(((), ("slow:60",))):
        folder = tmp_path / str(place)
        folder.mkdir()
        kill_host_of(shim, folder, *models).wait(timeout=SOON_SECONDS)
        assert told(folder, "close")


@pytest.mark.slow
def test_a_helper_that_hangs_ends_some_seconds_after_its_host(shim: Path, tmp_path: Path):
    kill_host_of(shim, tmp_path, "hang").wait(timeout=20)
    assert not told(tmp_path, "close")


def told(folder: Path, did: str) -> list[dict]:
    report = folder / "report"
    lines = report.read_text().splitlines() if report.exists() else []
    return [entry for entry in map(json.loads, lines) if entry["did"] == did]


# ---- odds and ends of the system ----


@in_child
def test_a_log_that_cannot_be_written_or_would_hang_is_no_trouble(shim: Path, tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for path in (pipe, tmp_path, "/nowhere/log", "/dev/full"):
        stage = Stage(tmp_path)
        os.environ["KINEMACOLOR_OFX_LOG"] = str(path)
        with MiniHost(shim) as host:
            instance = host.describe().create(lambda _: IMAGE)
            assert renders_inverted(instance.set(model="kill once"), IMAGE), path
            instance.set(model="raise known:no luck").render()
        Path(f"{stage.folder / 'report'}.kill-once").unlink()
    os.close(reader)


@in_child
def test_the_log_is_bounded_and_private_and_in_the_user_s_state_folder(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, XDG_STATE_HOME=tmp_path / "state")
    del os.environ["KINEMACOLOR_OFX_LOG"]
    log = tmp_path / "state" / "kinemacolor" / "ofx.log"
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE)
        assert renders_inverted(instance.set(model="print:words"), IMAGE)
        assert "words on stdout" in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
        with log.open("a") as file:
            file.write("x" * (1 << 20))
        instance.set(model="raise known:an old leaf").render()
        instance.set(model="raise known:a new leaf").render()
        assert log.stat().st_size < 10000
        assert log.with_name("ofx.log.1").stat().st_size > 1 << 20
        assert log.read_text().count("a new leaf") == 2, "the helper writes to the new one, too"
    assert stage.said("close")


@in_child
def test_too_little_memory_is_an_error_and_no_signal(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    large = noise(Layout(bounds=(0, 0, 1000, 1000)))
    with MiniHost(shim) as host:
        effect = host.describe()
        assert complains(host, effect.create(lambda _: large), "not enough shared memory for a picture of 4 MB")
        small = noise(Layout())
        assert renders_inverted(effect.create(lambda _: small), small)


@in_child
def test_a_helper_that_cuts_its_memory_short_does_not_kill_the_host(shim: Path, tmp_path: Path):
    body = """
    try:
        os.ftruncate(4, 0)
    except OSError as error:
        os.environ["CUT"] = error.strerror
    sys.exit(__main__.main())
    """
    stage = Stage(tmp_path, KINEMACOLOR_PYTHON=fake_python(tmp_path, body))
    with MiniHost(shim) as host:
        assert renders_inverted(host.describe().create(lambda _: IMAGE).set(model="surroundings"), IMAGE)
        assert stage.last("surroundings")["environment"]["CUT"] == "Operation not permitted"


@in_child
def test_errors_are_not_repeated_to_a_host_that_takes_them_as_pictures(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    with MiniHost(shim, HostTraits()) as host:
        instance = host.describe().create(lambda _: IMAGE).set(model="raise known:no luck", onError=0)
        for _ in range(3):
            rendered = instance.render()
            assert rendered.ok
            assert "NO LUCK" in words_in(rendered.image.picture)
        assert host.record.messages == [("OfxMessageError", "no luck")]
        assert renders_inverted(instance.set(model=""), IMAGE)
        assert host.record.persistent is None


@in_child
def test_an_instance_where_another_one_was_is_a_new_one(shim: Path, tmp_path: Path):
    """Hosts that forget to destroy one, or unload without it, may give its address to the next."""
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE).set(model="raise known:on purpose")
        assert complains(host, instance, "on purpose")
        host.record.persistent = None
        assert instance.act("OfxActionCreateInstance") == 0
        assert complains(host, instance, "on purpose"), "the new one has said nothing yet"
        first, second = (told["instance"] for told in stage.said("render"))
        assert first != second
        assert [told["instance"] for told in stage.said("gone")] == [first]


@in_child
def test_an_instance_that_outlives_an_unload_gets_rid_of_its_old_message(shim: Path, tmp_path: Path):
    """The effect keeps nothing over an unload; what it has shown before may still stand there."""
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: IMAGE).set(model="raise known:on purpose")
        assert complains(host, instance, "on purpose")
        host.act("OfxActionUnload")
        assert "0 frames coloured, 0 provisional, 1 without colour" in stage.log
        assert renders_inverted(instance.set(model=""), IMAGE)
        assert host.record.persistent is None
