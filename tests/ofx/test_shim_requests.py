"""All that is asked of the helper beside frames, and what it asks of the host meanwhile."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from shim_child import in_child
from stage import Stage, helpers, inverted, noise, renders_inverted, same_bits

from kinemacolor.ofx.minihost import MLT, NATRON, RESOLVE, HostImage, HostTraits, Layout, MiniHost, RenderArguments
from kinemacolor.ofx.parameters import VALUED

SMALL = Layout(bounds=(3, -2, 40, 21))


def flat(value: int, layout: Layout = SMALL) -> HostImage:
    return HostImage(layout, np.full(layout.shape, value, np.uint8))


# ---- pictures of other times ----


@in_child
def test_a_host_with_temporal_access_gives_other_frames(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    larger = flat(99, replace(SMALL, bounds=(0, 0, 64, 64)))
    film = {0.0: flat(1), 1.0: flat(2), 2.0: flat(4), 2.5: flat(8), 3.0: larger, 5.0: flat(16)}
    with MiniHost(shim, NATRON) as host:
        instance = host.describe().create(film.get)
        rendered = instance.set(model="fetch:0,1,2.5,2.5,3,4,-7,1e300").render(5.0)
        assert rendered.ok
        # In another size, not there, not there, not there: the others are laid over each other.
        assert (rendered.image.picture == 1 + 2 + 8 + 8).all()
        assert host.record.fetched == [5.0, 0.0, 1.0, 2.5, 2.5, 3.0, 4.0, -7.0, 1e300]
        assert (instance.set(model="fetch:5").render(5.0).image.picture == 16).all()
        assert renders_inverted(instance.set(model=""), film[2.0], 2.0)


@in_child
def test_a_host_without_temporal_access_is_not_asked(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    for traits in (MLT, HostTraits()):
        with MiniHost(shim, traits) as host:
            rendered = host.describe().create(lambda time: flat(int(time))).set(model="fetch:1,2").render(7.0)
            assert rendered.ok
            assert not rendered.image.picture.any()
            assert host.record.fetched == [7.0]


@in_child
def test_the_other_frames_of_a_host_may_come_out_of_the_same_effect(shim: Path, tmp_path: Path):
    """A chain of two: the second asks the host for its source at another time, which the first one has to render."""
    stage = Stage(tmp_path)
    film = [noise(SMALL, seed) for seed in range(4)]
    with MiniHost(shim, NATRON) as host:
        effect = host.describe()
        first = effect.create(lambda time: film[int(time)])
        second = effect.create(lambda time: first.render(time).image)
        for _ in range(2):
            rendered = second.set(model="fetch:1").render(3.0)
            assert rendered.ok
            assert same_bits(rendered.image.picture, inverted(film[1].picture))
        assert len(helpers()) == 2, "one waits for the host, the other one works"
        assert len(stage.said("start")) == 2


@in_child
def test_a_chain_that_waits_for_itself_comes_to_an_end(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, KINEMACOLOR_OFX_DEADLINE_MS=300)
    with MiniHost(shim, NATRON) as host:
        effect = host.describe()
        depth = [0]

        def source(time: float) -> HostImage | None:
            if time == 0.0 or depth[0] > 6:
                return flat(7)
            depth[0] += 1
            inner = instance.render(0.0)
            depth[0] -= 1
            return inner.image if inner.ok else None

        instance = effect.create(source).set(model="fetch:1")
        started = time.monotonic()
        assert instance.render(0.0).ok
        assert time.monotonic() - started < 10
        assert "too many effects of one chain" in stage.log
        assert renders_inverted(instance.set(model=""), flat(7))


@in_child
def test_a_helper_that_dies_or_a_host_that_gives_up_in_the_middle_of_it(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    killed: list[int] = []

    def source(time: float) -> HostImage:
        if time == 9.0 and not killed:
            killed.append(stage.last("start")["pid"])
            os.kill(killed[0], signal.SIGKILL)
        return flat(int(time))

    with MiniHost(shim, NATRON) as host:
        instance = host.describe().create(source).set(model="fetch:9,4")
        assert (instance.render(1.0).image.picture == 13).all(), "the frame was repeated"
        assert len(stage.said("start")) == 2
        aborted = RenderArguments(aborted=lambda: len(host.record.fetched) > 8)
        assert not instance.set(model="fetch:" + ",".join(["2"] * 1000)).render(1.0, aborted).ok
        assert len(host.record.fetched) < 100
        assert renders_inverted(instance.set(model=""), flat(5), 5.0)
        assert len(stage.said("start")) == 2


# ---- analysis ----


@in_child
def test_the_button_analyses_with_the_host_s_progress_bar(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    for traits in (HostTraits(), RESOLVE, HostTraits(missing_suites=frozenset({("OfxProgressSuite", 2)}))):
        with MiniHost(shim, traits) as host:
            instance = host.describe().create(lambda _: flat(1)).set(mediaFile="/film.mov", model=":5")
            assert instance.change("analyse") == 0
            assert host.record.progress == [0.2, 0.4, 0.6, 0.8, 1.0]
            assert host.record.progress_ended == 1
            assert instance.params["status"].value == "analysed"
            assert stage.last("analyse")["values"]["mediaFile"] == "/film.mov"
            assert host.record.messages == []


@in_child
def test_an_analysis_that_the_user_cancels_stops(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: flat(1)).set(model=":100000")
        host.cancel_progress = True
        assert instance.change("analyse") == 0
        assert len(host.record.progress) == 1
        assert host.record.progress_ended == 1
        assert instance.params["status"].value is None
        assert host.record.messages == []
        assert renders_inverted(instance.set(model=""), flat(1))
        assert len(stage.said("start")) == 1


@in_child
def test_an_analysis_that_fails_says_so_at_the_effect(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: flat(1)).set(model="raise known:there is no media file")
        instance.change("analyse")
        assert host.record.persistent == "there is no media file"
        assert instance.params["status"].value == "there is no media file"
        assert host.record.progress_ended == 1
        instance.set(model="")
        instance.change("analyse")
        assert host.record.persistent is None
        os.environ["KINEMACOLOR_PYTHON"] = "/nowhere/python"
        host.act("OfxActionUnload")
        instance.change("analyse")
        assert "the helper's Python is gone" in (host.record.persistent or "")
        assert host.record.progress_ended == 3


@in_child
def test_a_box_stands_for_the_button_where_hosts_have_none(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim, MLT) as host:
        instance = host.describe().create(lambda _: flat(1))
        assert "analyse" not in instance.params
        assert instance.change("analyseNow", 1) == 0
        assert instance.params["analyseNow"].value == 0, "it is taken off again"
        assert len(stage.said("analyse")) == 1
        assert instance.change("analyseNow", 0) == 14 or len(stage.said("analyse")) == 1
        # melt has no panel: the box is ticked in the project, and every frame comes with it.
        instance.set(analyseNow=1, mix=0.0, model="deaf:0.3")
        assert instance.identity() is None
        assert instance.render().ok
        assert stage.last("render")["values"]["analyseNow"] is True
        assert len(stage.said("analyse")) == 1


# ---- changes ----


@in_child
def test_only_what_a_user_changes_of_the_network_s_work_is_told(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: flat(1))
        for each in VALUED:
            if each.cheap:
                assert instance.change(each.name) == 14
        for reason in ("OfxChangePluginEdited", "OfxChangeTime", ""):
            assert instance.change("quality", 2, reason) == 14
        for name in ("no such parameter", "", "x" * 5000):
            assert instance.change(name) == 14
        assert helpers() == [], "none of this needs a helper"
        for name, value in (("quality", 2), ("mediaFile", "/f.mov"), ("hint1Point", (0.5, 0.25))):
            assert instance.change(name, value) == 0
            assert instance.params["status"].value == f"{name} changed"
            assert stage.last("changed")["name"] == name
        assert stage.last("changed")["values"]["hint1Point"] == [0.5, 0.25]
        assert len(stage.said("changed")) == 3


@in_child
def test_a_hint_that_is_switched_on_is_about_the_frame_that_is_seen(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: flat(1))
        frames = [instance.params[f"hint{number}Frame"] for number in range(1, 5)]
        unsaid = [frame.value for frame in frames]
        instance.change("hint3Colour", (1.0, 0.0, 0.0), time=4.0)
        instance.change("hint3On", 1, time=37.0)
        assert stage.last("changed")["values"]["hint3Frame"] == 37
        instance.change("hint3On", 0, time=38.0)
        instance.change("hint3On", 1, time=39.0)
        instance.change("hint1On", 1, time=-2.0)
        instance.change("hint2On", 1, time=float("nan"))
        instance.change("hint4On", 1, time=1e300)
        assert [frame.value for frame in frames] == [*unsaid[:2], 37, unsaid[3]]
        assert stage.last("changed")["values"]["hint4Frame"] == -1


@in_child
def test_a_change_does_not_hold_the_panel_up_for_long(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, KINEMACOLOR_OFX_DEADLINE_MS=300)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: flat(1))
        assert renders_inverted(instance, flat(1))
        instance.set(model="slow")
        started = time.monotonic()
        assert instance.change("quality", 2) == 0
        assert time.monotonic() - started < 2
        assert "comes to no end" in str(instance.params["status"].value)
        assert renders_inverted(instance.set(model=""), flat(1))
        assert len(stage.said("start")) == 1
        assert len(stage.said("changed")) == 1


@in_child
def test_a_text_that_is_too_long_is_named_in_the_panel(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: flat(1), {"OfxImageClipPropColourspace": ("x" * 70000,)})
        instance.change("mediaFile", "x" * 5000)
        assert host.record.persistent == "the text of 'Media file' is too long"
        instance.change("mediaFile", "/film.mov")
        assert host.record.persistent == "the parameters are longer than a message can be"
        assert not instance.render().ok
        assert stage.said("start") == []


@in_child
def test_the_status_line_is_written_only_when_hosts_allow_it(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    written: list[tuple[str, object]] = []
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: flat(1))
        with host.watching(lambda name, value: written.append((name, value))):
            for model in ("", "provisional", "raise known:no luck", ""):
                instance.set(model=model).render()
            assert written == [], "not in a render"
            instance.set(model="provisional").render()
            instance.act("OfxActionSyncPrivateData")
            assert written == [("status", "not all of the past is known")]
            instance.act("OfxActionSyncPrivateData")
            assert len(written) == 1, "nothing new"
            instance.set(model="").render()
            assert instance.change("amount", 0.5) == 14
            assert written[1:] == [("status", "inverted")]


@in_child
def test_instances_that_are_gone_are_told_with_the_next_request(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    with MiniHost(shim) as host:
        effect = host.describe()
        stays = effect.create(lambda _: flat(1))
        assert renders_inverted(stays, flat(1))
        kept = stage.last("render")["instance"]
        for _ in range(3):
            short = effect.create(lambda _: flat(2))
            assert renders_inverted(short, flat(2))
            assert short.destroy() == 0
        assert renders_inverted(stays, flat(1))
        assert [told["instance"] for told in stage.said("gone")] == [kept + 1, kept + 2, kept + 3]
        for _ in range(200):  # far more than are remembered
            effect.create(lambda _: flat(2)).destroy()
        assert renders_inverted(stays, flat(1))
        assert 3 < len(stage.said("gone")) < 100
        assert "instance 2: 1 frames coloured, 0 provisional, 0 without colour" in stage.log
