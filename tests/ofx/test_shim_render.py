"""Frames through the compiled effect and a real helper, in hosts of all kinds. Every test is a process of its own."""

import itertools
import math
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
from shim_child import in_child
from stage import Stage, helpers, inverted, magenta_share, noise, renders_inverted, same_bits

from kinemacolor.ofx.helper.protocol import Components, Depth, Premultiplication, Purpose
from kinemacolor.ofx.minihost import (
    MLT,
    NATRON,
    RESOLVE,
    HostImage,
    HostTraits,
    Layout,
    MiniHost,
    PixelDepth,
    RenderArguments,
)

RGBA, RGB = "OfxImageComponentRGBA", "OfxImageComponentRGB"
FINAL, PREVIEW, THUMBNAIL = Purpose.FINAL, Purpose.PREVIEW, Purpose.THUMBNAIL
SMALL = Layout(bounds=(3, -2, 40, 21))


# ---- pixels ----


@in_child
def test_every_depth_and_layout_comes_back_bit_for_bit(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path, "passthrough")
    places = [(0, 0, 16, 9), (-7, 5, 30, 42), (3, -2, 4, -1), (1, 1, 2, 60)]
    with MiniHost(shim) as host:
        effect = host.describe()
        for depth, components, top_down, padding, bounds in itertools.product(
            PixelDepth, (RGBA, RGB), (False, True), (0, 20), places
        ):
            layout = Layout(bounds=bounds, depth=depth, components=components, top_down=top_down, padding_bytes=padding)
            image = noise(layout)
            instance = effect.create(lambda _, image=image: image)
            rendered = instance.render()
            assert rendered.ok, (layout, stage.log)
            assert same_bits(rendered.image.picture, image.picture), layout
            assert image.intact
            # The two pictures of a frame may lie in memory in different ways.
            other = instance.render(layout=replace(layout, top_down=not top_down, padding_bytes=4))
            assert same_bits(other.image.picture, image.picture), layout
            instance.destroy()
        assert len(helpers()) == 1


@in_child
def test_the_helper_gets_the_film_s_top_row_first(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    with MiniHost(shim) as host:
        effect = host.describe()
        for top_down in (False, True):
            image = noise(replace(SMALL, top_down=top_down))
            rendered = effect.create(lambda _, image=image: image).set(model="darken the top row").render()
            assert not rendered.image.picture[0].any()
            assert same_bits(rendered.image.picture[1:], image.picture[1:])


@in_child
def test_only_the_render_window_is_written_and_what_the_source_lacks_is_empty(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    image = noise(SMALL)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: image)
        x1, y1, x2, y2 = SMALL.bounds
        part = instance.render(arguments=RenderArguments(window=(x1 + 5, y1 + 2, x2 - 3, y2 - 8)))
        expected = np.zeros(SMALL.shape, np.uint8)
        expected[8:-2, 5:-3] = inverted(image.picture)[8:-2, 5:-3]
        assert same_bits(part.image.picture, expected)

        beyond = instance.render(arguments=RenderArguments(window=(x1 - 100, y1 - 100, x2 + 100, y2 + 100)))
        assert same_bits(beyond.image.picture, inverted(image.picture))

        larger = instance.render(layout=replace(SMALL, bounds=(x1 - 4, y1 - 1, x2 + 2, y2 + 3)))
        expected = np.pad(inverted(image.picture), ((3, 1), (4, 2), (0, 0)))
        assert same_bits(larger.image.picture, expected)

        smaller = instance.render(layout=replace(SMALL, bounds=(x1 + 4, y1 + 1, x2 - 2, y2 - 3)))
        assert same_bits(smaller.image.picture, inverted(image.picture)[3:-1, 4:-2])

        for window in ((x2, y1, x1, y2), (x2 + 5, y1, x2 + 9, y2), (x1, y2 + 9, x2, y1 - 9)):
            nothing = instance.render(arguments=RenderArguments(window=window))
            assert nothing.ok
            assert not nothing.image.picture.any()

        elsewhere = instance.render(layout=replace(SMALL, bounds=(1000, 1000, 1010, 1010)))
        assert elsewhere.ok
        assert not elsewhere.image.picture.any()


@in_child
def test_size_and_depth_may_change_from_frame_to_frame(shim: Path, tmp_path: Path):
    Stage(tmp_path, "passthrough")
    kinds = [
        Layout(bounds=(0, 0, width, height), depth=depth)
        for width, height, depth in (
            (16, 9, PixelDepth.BYTE),
            (333, 217, PixelDepth.FLOAT),
            (16, 9, PixelDepth.SHORT),
            (640, 480, PixelDepth.BYTE),
            (1, 1, PixelDepth.HALF),
            (800, 600, PixelDepth.FLOAT),
        )
    ]
    images = [noise(kind, place) for place, kind in enumerate(kinds)]
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda time: images[int(time)])
        for time in (0, 1, 2, 3, 4, 5, 0, 5, 1):
            rendered = instance.render(time)
            assert rendered.ok
            assert same_bits(rendered.image.picture, images[time].picture), time
        assert len(helpers()) == 1


@in_child
def test_pictures_that_make_no_sense_are_refused_in_words(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    lies = {
        "empty": {"OfxImagePropBounds": (3, 3, 3, 9)},
        "no bounds": {"OfxImagePropBounds": (3, 3, 9)},
        "larger than the effect can take": {"OfxImagePropBounds": (-(2**31), 0, 2**31 - 1, 9)},
        "larger than the effect can take ": {
            "OfxImagePropBounds": (0, 0, 40000, 40000),
            "OfxImagePropRowBytes": (160000,),
        },
        "rows are shorter": {"OfxImagePropRowBytes": (20,)},
        "rows are shorter ": {"OfxImagePropRowBytes": (-(2**31),)},
        "no pixels": {"OfxImagePropData": ()},
        "did not ask for": {"OfxImageEffectPropComponents": ("OfxImageComponentAlpha",)},
        "did not ask for ": {"OfxImageEffectPropPixelDepth": ("OfxBitDepthNone",)},
        "different kinds of pixels": {
            "OfxImageEffectPropPixelDepth": ("OfxBitDepthShort",),
            "OfxImagePropRowBytes": (37 * 8,),
            "OfxImagePropBounds": (0, 0, 37, 10),
        },
    }
    with MiniHost(shim) as host:
        effect = host.describe()
        for words, said in lies.items():
            image = HostImage(SMALL, None, said)
            instance = effect.create(lambda _, image=image: image)
            assert not instance.render(layout=SMALL).ok, words
            assert words.strip() in (host.record.persistent or ""), words
            picture = instance.set(onError=0).render(layout=SMALL)
            assert picture.ok
            assert magenta_share(picture.image.picture) > 0.05
        nothing = effect.create(lambda _: None)
        assert not nothing.render(layout=SMALL).ok
        assert "gives no picture" in stage.log
    assert stage.said("render") == []


# ---- what the helper is told ----


@in_child
def test_the_helper_is_told_what_the_host_says(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    image = noise(replace(SMALL, premultiplication="OfxImageAlphaPremultiplied"))
    image.said["OfxImagePropRegionOfDefinition"] = (0, -2, 50, 30)
    facts = {
        "OfxImageEffectPropFrameRate": (23.976,),
        "OfxImageEffectPropFrameRange": (1.0, 48.0),
        "OfxImagePropPixelAspectRatio": (1.0667,),
        "OfxImageClipPropColourspace": ("ofx_display_sdr",),
    }
    with MiniHost(shim, NATRON) as host:
        instance = host.describe().create(lambda _: image, facts)
        instance.render(17.5, RenderArguments(scale=(0.5, 0.5), field_to_render="OfxFieldUpper"))
        told = stage.last("render")
        assert told["bounds"] == list(SMALL.bounds)
        assert told["definition"] == [0, -2, 50, 30]
        assert (told["depth"], told["components"]) == (Depth.BYTE, Components.RGBA)
        assert (told["time"], told["scale_x"], told["field"]) == (17.5, 0.5, "OfxFieldUpper")
        assert (told["unique_id"], told["has_temporal_access"], told["says_sequential"]) == ("constant", True, True)
        assert told["clip"] == [23.976, 1.0, 48.0, 1.0667, Premultiplication.PREMULTIPLIED, "ofx_display_sdr"]
        assert stage.last("start")["host"] == "fr.inria.Natron"

        plain = noise(Layout(components=RGB, depth=PixelDepth.HALF))
        host.describe().create(lambda _: plain).render(arguments=RenderArguments(sequential=0))
        told = stage.last("render")
        assert (told["depth"], told["components"], told["says_sequential"]) == (Depth.HALF, Components.RGB, False)
        assert told["clip"][0] == 0.0
        assert all(map(math.isnan, told["clip"][1:3])), "unknown is no number"


@in_child
def test_what_a_frame_is_for_is_seen_from_how_it_is_asked_for(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    nothing_said = RenderArguments(
        scale=None, sequential=None, interactive=None, draft=None, thumbnail=None, field_to_render=None
    )
    image = noise(SMALL)
    cases = {
        RenderArguments(): FINAL,
        nothing_said: FINAL,
        RenderArguments(interactive=1): PREVIEW,
        RenderArguments(draft=1): PREVIEW,
        RenderArguments(scale=(0.5, 0.5)): PREVIEW,
        RenderArguments(scale=(1.0, 0.5)): PREVIEW,
        RenderArguments(thumbnail="true"): THUMBNAIL,
        RenderArguments(thumbnail="true", interactive=1, draft=1): THUMBNAIL,
        RenderArguments(thumbnail=None, interactive=1): PREVIEW,
        RenderArguments(sequential=0): FINAL,
    }
    for traits in (HostTraits(), MLT, NATRON, RESOLVE):
        with MiniHost(shim, traits) as host:
            instance = host.describe().create(lambda _: image)
            for arguments, purpose in cases.items():
                assert instance.render(arguments=arguments).ok
                told = Purpose(stage.last("render")["purpose"])
                if traits.unknown_properties and purpose is THUMBNAIL:
                    purpose = PREVIEW if arguments.interactive else FINAL  # the host cannot say it
                assert told is purpose, (traits.name, arguments)


@in_child
def test_parameters_come_by_name_and_at_the_time_of_the_frame(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    image = noise(SMALL)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: image)
        instance.set(
            amount=lambda time: time / 10,
            hint1Point=lambda time: (time / 20, 0.5),
            hint2Colour=(0.1, 0.2, 0.3),
            quality=2,
            reference1Frame=12345,
            markProvisional=0,
            mediaFile="/films/Ω \udcff.mov",
            tint=float("nan"),
            temperature=1e9,
            stability=77,
        )
        for time in (10.0, 3.5):
            assert renders_inverted(instance, image, time)
            values = stage.last("render")["values"]
            assert values["amount"] == time / 10
            assert values["hint1Point"] == [time / 20, 0.5]
            assert values["hint2Colour"] == [0.1, 0.2, 0.3]
            assert (values["quality"], values["reference1Frame"], values["markProvisional"]) == ("high", 12345, False)
            assert values["mediaFile"] == "/films/Ω \udcff.mov"
            assert (values["tint"], values["temperature"], values["stability"]) == (0.0, 100.0, "standard")

        # A text at its limit still goes through, in all text parameters at once; a longer one is named.
        files = [name for name, param in instance.params.items() if param.type == "OfxParamTypeString"]
        instance.set(**{name: "x" * 4095 for name in files if name not in ("status", "model")})
        assert renders_inverted(instance, image, 3.5)
        assert stage.last("render")["values"]["shotList"] == "x" * 4095
        assert not instance.set(mediaFile="x" * 4096).render().ok
        assert "'Media file'" in (host.record.persistent or "")


@in_child
def test_parameters_that_a_host_drops_have_their_defaults(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    dropped = frozenset({"OfxParamTypeDouble", "OfxParamTypeRGB", "OfxParamTypeDouble2D", "OfxParamTypeChoice"})
    with MiniHost(shim, HostTraits(drops_parameters=dropped)) as host:
        image = noise(SMALL)
        instance = host.describe().create(lambda _: image)
        assert renders_inverted(instance, image)
        values = stage.last("render")["values"]
        assert (values["amount"], values["quality"], values["hint1Colour"]) == (1.0, "standard", [0.5, 0.5, 0.5])


# ---- when nothing is to be done ----


@in_child
def test_no_colour_is_the_source_itself_and_needs_no_helper(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    image = noise(replace(SMALL, depth=PixelDepth.FLOAT, top_down=True, padding_bytes=8))
    with MiniHost(shim) as host:
        effect = host.describe()
        for values in ({"mix": 0.0}, {"amount": 0.0}, {"mix": lambda time: time - 5.0}):
            instance = effect.create(lambda _: image).set(**values)
            assert instance.identity(5.0) == "Source"
            rendered = instance.render(5.0)  # MLT and others never ask
            assert rendered.ok
            assert same_bits(rendered.image.picture, image.picture)
        assert helpers() == []
        for values in (
            {},
            {"mix": 0.01},
            {"amount": 0.0, "output": 2},
            {"mix": 0.0, "analyseNow": 1},
            {"mix": lambda time: time - 4.0},
        ):
            assert effect.create(lambda _: image).set(**values).identity(5.0) is None, values
        assert helpers() == []


# ---- hosts' ways ----


@in_child
def test_mlt_s_order_of_actions(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    images = [noise(Layout(bounds=(0, 0, 64, 36), top_down=True), seed) for seed in range(12)]
    with MiniHost(shim, MLT) as host:
        assert host.load() == 0
        effect = host.describe()
        assert host.act("OfxActionUnload") == 0
        effect = host.describe()
        instance = effect.create(lambda time: images[int(time)])
        order = [1, 0, 2, 3, 4, 8, 7, 6, 5, 9, 10, 11, 11, 11, 11]
        for time in order:
            assert instance.sequence(time, begin=True) in (0, 14)
            assert renders_inverted(instance, images[time], time)
            assert instance.sequence(time, begin=False) in (0, 14)
        assert [told["time"] for told in stage.said("render")] == order
        assert len({told["instance"] for told in stage.said("render")}) == 1
        assert len(helpers()) == 1
        host.act("OfxActionUnload")
        assert helpers() == []
        assert stage.said("close")
        assert renders_inverted(instance, images[3], 3.0), "a render without a load"
        instance.destroy()


@in_child
def test_two_instances_take_turns(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    one, other = noise(SMALL, 1), noise(replace(SMALL, bounds=(0, 0, 100, 50), depth=PixelDepth.SHORT), 2)
    with MiniHost(shim, MLT) as host:
        effect = host.describe()
        first, second = effect.create(lambda _: one), effect.create(lambda _: other)
        for time in range(4):
            assert renders_inverted(first, one, time)
            assert same_bits(second.render(time).image.picture, 65535 - other.picture)
        numbers = [told["instance"] for told in stage.said("render")]
        assert numbers == [numbers[0], numbers[1]] * 4
        assert numbers[0] != numbers[1]
        first.destroy()
        assert renders_inverted(effect.create(lambda _: one), one)
        assert stage.last("render")["instance"] not in numbers, "a number is never used again"
        assert [told["instance"] for told in stage.said("gone")] == numbers[:1]


@in_child
def test_threads_that_render_at_the_same_time_get_their_own_pictures(shim: Path, tmp_path: Path):
    """The effect says that it is not safe for that; hosts that do it all the same must not crash."""
    Stage(tmp_path)
    images = [noise(Layout(bounds=(0, 0, 200, 100 + seed)), seed) for seed in range(4)]
    wrong: list[int] = []
    with MiniHost(shim) as host:
        effect = host.describe()
        instances = [effect.create(lambda _, image=image: image) for image in images]

        def play(place: int) -> None:
            for time in range(20):
                if not renders_inverted(instances[place], images[place], time):
                    wrong.append(place)

        threads = [threading.Thread(target=play, args=(place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert len(helpers()) == 1


@in_child
def test_hosts_that_hand_out_less_are_served(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    image = noise(SMALL)
    poor = HostTraits(
        missing_suites=frozenset(
            {("OfxMessageSuite", 1), ("OfxMessageSuite", 2), ("OfxProgressSuite", 1), ("OfxProgressSuite", 2)}
        ),
        unknown_properties=frozenset({"OfxImagePropRegionOfDefinition", "OfxImageClipPropColourspace"}),
    )
    for traits in (poor, NATRON, RESOLVE, MLT):
        with MiniHost(shim, traits) as host:
            instance = host.describe().create(lambda _: image)
            assert renders_inverted(instance, image)
            assert not (instance.set(model="raise known:no luck").render().ok and traits is not MLT)
            instance.change("model", "")
            assert renders_inverted(instance, image)


@in_child
def test_preferences_say_that_every_frame_differs_and_the_whole_source_is_wanted(shim: Path, tmp_path: Path):
    Stage(tmp_path)
    image = noise(SMALL)
    with MiniHost(shim, NATRON) as host:
        instance = host.describe().create(lambda _: image)
        wanted = host.property_set()
        assert instance.act("OfxImageEffectActionGetClipPreferences", None, wanted) == 0
        assert wanted.values["OfxImageEffectFrameVarying"] == [1]
        given = host.property_set({"OfxPropTime": (20.0,)})
        regions = host.property_set()
        assert instance.act("OfxImageEffectActionGetRegionsOfInterest", given, regions) == 0
        assert regions.values["OfxImageClipPropRoI_Source"] == [float(side) for side in SMALL.bounds]
        frames = host.property_set()
        assert instance.act("OfxImageEffectActionGetFramesNeeded", given, frames) == 0
        first, last = frames.values["OfxImageClipPropFrameRange_Source"]
        assert first < last == 20.0
        assert helpers() == []


@in_child
def test_a_host_that_forks_leaves_its_helper_alone(shim: Path, tmp_path: Path):
    stage = Stage(tmp_path)
    image = noise(SMALL)
    with MiniHost(shim) as host:
        instance = host.describe().create(lambda _: image)
        assert renders_inverted(instance, image)
        child = os.fork()
        if child == 0:
            worked = renders_inverted(instance, image) and host.act("OfxActionUnload") == 0
            os._exit(0 if worked else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert renders_inverted(instance, image)
        pids = [told["pid"] for told in stage.said("render")]
        assert pids[0] == pids[2] != pids[1]
        assert [helper.pid for helper in helpers()] == [pids[0]]
