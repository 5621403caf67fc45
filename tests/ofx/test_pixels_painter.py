"""Colour in a host's picture: what must stay, to the bit or to half a code, for every kind of picture."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ofx.pictures import SIZES, chroma, form, grey, packed, proxy_of, soft, values_of, white

from kinemacolor.colour.encoding import ColourEncoding, Matrix, Range, Siting, Transfer
from kinemacolor.colour.matrix import code_scale, luma_to_code, rgb_to_ycbcr
from kinemacolor.colour.transfer import from_linear, to_linear
from kinemacolor.ofx.pixels.controls import Controls, Output
from kinemacolor.ofx.pixels.form import Components, Depth, HostColour, HostFormat, HostMatrix, HostTransfer
from kinemacolor.ofx.pixels.painter import HostPainter, Painted, PictureLuma
from kinemacolor.picture.merge import ChromaMerger
from kinemacolor.picture.pixel import Family, PixelFormat
from kinemacolor.picture.proxy import make_proxy, make_proxy_rgb
from kinemacolor.picture.upsampling import Upsampling

DISPLAY, LINEAR = HostColour(HostTransfer.DISPLAY), HostColour(HostTransfer.SCENE_LINEAR)
FLOATS = [Depth.HALF, Depth.FLOAT]
GREY_FILM = Controls()


def painter(how: HostFormat, colour: HostColour = DISPLAY) -> HostPainter:
    return HostPainter(how, colour, proxy_of(how))


def paint(
    how: HostFormat,
    picture: np.ndarray,
    controls: Controls = GREY_FILM,
    colour: HostColour = DISPLAY,
    strength: float = 30.0,
    confidence: np.ndarray | None = None,
) -> Painted:
    one = painter(how, colour)
    ab = chroma(proxy_of(how), strength)
    return one.colour(picture, one.read(picture), ab, controls, confidence=confidence)


def luma(rgb: np.ndarray, colour: HostColour = DISPLAY) -> np.ndarray:
    """Y' by the book, in float64, of (3, H, W) host values."""
    signal = rgb
    if colour.transfer is HostTransfer.SCENE_LINEAR:
        signal = np.copysign(from_linear(np.abs(rgb), Transfer.SRGB), rgb)
    return rgb_to_ycbcr(signal, colour.encoding.matrix)[0]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("components", list(Components))
@pytest.mark.parametrize("depth", list(Depth))
@pytest.mark.parametrize("colour", [DISPLAY, LINEAR], ids=["display", "linear"])
def test_every_kind_and_size_is_coloured_and_keeps_its_alpha(
    depth: Depth, components: Components, size: tuple[int, int], colour: HostColour
) -> None:
    how = form(depth, components, size)
    alpha = soft(size, seed=5)[:, :, 0]
    picture = grey(how, alpha=alpha)
    before = picture.tobytes()
    painted = paint(how, picture, colour=colour)
    assert picture.tobytes() == before
    assert painted.picture.dtype == picture.dtype
    assert painted.picture.shape == picture.shape
    assert (painted.picture[:, :, :3] != picture[:, :, :3]).any() or size in [(1, 1), (3, 2)]
    assert np.array_equal(painted.picture[:, :, 3:], picture[:, :, 3:])
    assert painted.nonfinite_pixels == 0


@pytest.mark.parametrize("matrix", list(HostMatrix))
@pytest.mark.parametrize("depth", list(Depth))
def test_luma_stays(depth: Depth, matrix: HostMatrix) -> None:
    how, colour = form(depth), HostColour(HostTransfer.DISPLAY, matrix)
    picture = grey(how)
    painted = paint(how, picture, colour=colour)
    error = np.abs(luma(values_of(how, painted.picture), colour) - luma(values_of(how, picture), colour))
    # Half: three channels, each rounded to 11 bits below 1.
    allowed = {Depth.BYTE: 0.502 / 255, Depth.SHORT: 0.52 / 65535, Depth.HALF: 2.0**-12 * 1.01, Depth.FLOAT: 2e-7}
    assert error.max() <= allowed[depth]
    assert painted.limited_pixels > 0


@pytest.mark.parametrize("matrix", list(HostMatrix))
def test_luma_of_scene_linear_light_stays(matrix: HostMatrix) -> None:
    how, colour = form(Depth.FLOAT), HostColour(HostTransfer.SCENE_LINEAR, matrix)
    light = soft((131, 77)) ** 2.4
    picture = packed(how, light)
    painted = paint(how, picture, colour=colour)
    error = np.abs(luma(values_of(how, painted.picture), colour) - luma(values_of(how, picture), colour))
    assert error.max() <= 5e-7
    assert painted.limited_pixels > 0


@pytest.mark.parametrize("depth", list(Depth))
@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_nothing_leaves_the_gamut(depth: Depth, kind: str) -> None:
    how = form(depth)
    picture = grey(how) if kind == "grey" else packed(how, soft((131, 77), planes=3))
    values = values_of(how, paint(how, picture, strength=100.0).picture)
    assert values.min() >= -1e-6
    assert values.max() <= 1 + 1e-6


@pytest.mark.parametrize("upsampling", list(Upsampling))
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("matrix", list(HostMatrix))
@pytest.mark.parametrize("amount", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("size", [(131, 77), (256, 144), (3, 2), (1, 2000)])
def test_integers_are_those_of_the_renderer(
    bits: int, matrix: HostMatrix, amount: float, size: tuple[int, int], upsampling: Upsampling
) -> None:
    how = form(Depth.BYTE if bits == 8 else Depth.SHORT, Components.RGB, size)
    picture = packed(how, soft(size, planes=3))
    colour = HostColour(HostTransfer.DISPLAY, matrix)
    planes = tuple(np.ascontiguousarray(picture[:, :, i]) for i in range(3))
    proxy = proxy_of(how)
    kind = PixelFormat(name="gbrp", family=Family.RGB, bits=bits)
    merger = ChromaMerger(
        source=kind,
        target=kind,
        encoding=colour.encoding,
        siting=Siting.LEFT,
        size=size,
        proxy_size=proxy,
        upsampling=upsampling,
    )
    ab = chroma(proxy)
    merged = merger.merge_rgb(planes, ab, amount)
    one = painter(how, colour)
    mine = one.read(picture)
    assert np.array_equal(mine.proxy, make_proxy_rgb(planes, bits, colour.encoding.matrix, Range.FULL, proxy))
    painted = one.colour(picture, mine, ab, Controls(amount=amount, upsampling=upsampling))
    assert np.array_equal(painted.picture, np.stack(merged.planes, axis=-1))
    assert painted.limited_pixels == merged.limited_pixels


FILMS = [
    pytest.param(8, Depth.BYTE, 255, np.rint, id="8 bits"),
    pytest.param(8, Depth.BYTE, 255, np.floor, id="8 bits, cut off"),
    pytest.param(8, Depth.SHORT, 65283, np.rint, id="8 bits in 16"),
    pytest.param(10, Depth.SHORT, 65535, np.rint, id="10 bits"),
    pytest.param(10, Depth.SHORT, 65283, np.floor, id="10 bits by FFmpeg"),
    pytest.param(12, Depth.SHORT, 65283, np.rint, id="12 bits by FFmpeg"),
]


def host_film(how: HostFormat, bits: int, white: int, rounding: np.ufunc, seed: int = 1) -> tuple[np.ndarray, ...]:
    """(H, W) codes of a film of limited range, and the picture that a host decodes from it."""
    scale = code_scale(bits, Range.LIMITED)
    codes = luma_to_code(soft((how.width_px, how.height_px), seed)[:, :, 0], scale)
    steps = codes.astype(np.float64) - scale.luma_black
    picture = np.full(how.shape, 65535 if how.depth is Depth.SHORT else 255, dtype=how.depth.dtype)
    picture[:, :, :3] = rounding(np.clip(steps * white / scale.luma_span, 0, None))[:, :, None]
    return codes, picture


@pytest.mark.parametrize("components", list(Components))
@pytest.mark.parametrize(("bits", "depth", "white", "rounding"), FILMS)
def test_film_that_a_host_has_decoded_is_coloured_as_the_renderer_does(
    bits: int, depth: Depth, white: int, rounding: np.ufunc, components: Components
) -> None:
    size = (320, 180)
    how = form(depth, components, size)
    codes, picture = host_film(how, bits, white, rounding)
    scale = code_scale(bits, Range.LIMITED)
    neutral = np.rint((codes.astype(np.float64) - scale.luma_black) * (65535 / scale.luma_span)).astype(np.uint16)
    merger = ChromaMerger(
        source=PixelFormat(name="gbrp16le", family=Family.RGB, bits=16),
        target=PixelFormat(name="gbrp", family=Family.RGB, bits=bits),
        encoding=DISPLAY.encoding,
        siting=Siting.LEFT,
        size=size,
        proxy_size=proxy_of(how),
    )
    ab = chroma(proxy_of(how), 15)
    rendered = merger.merge_rgb((neutral, neutral, neutral), ab)
    one = painter(how)
    seen = one.read(picture)
    assert np.array_equal(seen.proxy, make_proxy(codes.astype(np.uint16), bits, Range.LIMITED, proxy_of(how)))
    painted = one.colour(picture, seen, ab, GREY_FILM)
    mine = painted.picture[:, :, :3].astype(np.float64).transpose(2, 0, 1) / white * ((1 << bits) - 1)
    assert rendered.limited_pixels > 1000
    assert np.abs(mine - np.stack(rendered.planes)).max() <= 1


@pytest.mark.parametrize(("bits", "depth", "white", "rounding"), FILMS)
def test_film_without_colour_keeps_the_codes_that_the_host_has_for_it(
    bits: int, depth: Depth, white: int, rounding: np.ufunc
) -> None:
    how = form(depth)
    _, picture = host_film(how, bits, white, rounding)
    if white < 65535 and depth is Depth.SHORT:
        picture[:3, :, :3] = np.array([white + 60, 65535, white + 250])[:, None, None]  # above white
    one = painter(how)
    seen = one.read(picture)
    assert seen.grid is not None
    none = np.zeros_like(chroma(proxy_of(how)))
    assert one.colour(picture, seen, none, GREY_FILM).picture.tobytes() == picture.tobytes()
    painted = one.colour(picture, seen, none + 9000, Controls(mix=0.5)).picture
    if white < 65535 and depth is Depth.SHORT:
        assert np.array_equal(painted[:3], picture[:3])


def broken_film(how: HostFormat, kind: str) -> np.ndarray:
    _, picture = host_film(
        how, 8 if how.depth is Depth.BYTE else 10, 255 if how.depth is Depth.BYTE else 65535, np.rint
    )
    if kind == "one grey between":
        free = min(set(range(256)) - {round(step * 255 / 219) for step in range(220)})
        picture[40, 30, :3] = free if how.depth is Depth.BYTE else picture[40, 30, :3] + 30
    if kind == "one pixel in colour":
        picture[40, 30, 0] ^= 1
    if kind == "see-through":
        picture[40, 30, 3] -= 1
    return picture


@pytest.mark.parametrize("kind", ["one grey between", "one pixel in colour", "see-through", "linear"])
@pytest.mark.parametrize("depth", [Depth.BYTE, Depth.SHORT])
def test_what_is_not_all_film_is_taken_as_it_is(depth: Depth, kind: str) -> None:
    how = form(depth, premultiplied=kind == "see-through")
    assert painter(how, LINEAR if kind == "linear" else DISPLAY).read(broken_film(how, kind)).grid is None
    assert painter(how).read(broken_film(how, "none")).grid is not None


@pytest.mark.parametrize("colour", [DISPLAY, LINEAR], ids=["display", "linear"])
@pytest.mark.parametrize("depth", list(Depth))
def test_results_do_not_depend_on_who_works(depth: Depth, colour: HostColour) -> None:
    how = form(depth, size=(1200, 700))
    picture = grey(how)
    alone = HostPainter(how, colour, proxy_of(how, 256))
    ab = chroma(proxy_of(how, 256))
    seen = alone.read(picture)
    expected = alone.colour(picture, seen, ab, GREY_FILM)
    for threads in (1, 2, 5):
        with ThreadPoolExecutor(threads) as pool:
            together = HostPainter(how, colour, proxy_of(how, 256), map_=pool.map)
            assert np.array_equal(together.read(picture).proxy, seen.proxy)
            painted = together.colour(picture, seen, ab, GREY_FILM)
        assert painted.picture.tobytes() == expected.picture.tobytes()
        assert painted.limited_pixels == expected.limited_pixels


@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("colour", [DISPLAY, LINEAR], ids=["display", "linear"])
@pytest.mark.parametrize("depth", list(Depth))
def test_in_place_is_the_same(depth: Depth, colour: HostColour, premultiplied: bool) -> None:
    how = form(depth, premultiplied=premultiplied)
    memory = bytearray(how.nbytes + 64)
    picture = how.view(memoryview(memory)[64:])
    picture[:] = grey(how, alpha=soft((131, 77), seed=5)[:, :, 0])
    one = painter(how, colour)
    ab, seen = chroma(proxy_of(how)), one.read(picture)
    expected = one.colour(picture, seen, ab, Controls(mix=0.7, amount=1.3))
    painted = one.colour(picture, seen, ab, Controls(mix=0.7, amount=1.3), in_place=True)
    assert painted.picture is picture
    assert bytes(memory[64:]) == expected.picture.tobytes()
    assert painted.limited_pixels == expected.limited_pixels


@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("colour", [DISPLAY, LINEAR], ids=["display", "linear"])
@pytest.mark.parametrize("depth", list(Depth))
def test_a_grey_picture_without_colour_keeps_every_bit(depth: Depth, colour: HostColour, premultiplied: bool) -> None:
    how = form(depth, premultiplied=premultiplied)
    picture = grey(how, alpha=soft((131, 77), seed=5)[:, :, 0])
    painted = paint(how, picture, colour=colour, strength=0.0)
    assert painted.picture.tobytes() == picture.tobytes()
    assert painted.limited_pixels == 0


@pytest.mark.parametrize("controls", [Controls(mix=0), Controls(amount=0), Controls(amount=0, temperature=50, tint=-9)])
@pytest.mark.parametrize("depth", list(Depth))
def test_mix_0_and_amount_0_give_the_source_whatever_it_holds(depth: Depth, controls: Controls) -> None:
    how = form(depth)
    picture = how.view(bytearray(np.random.default_rng(3).bytes(how.nbytes)))  # NaN among it
    assert controls.keeps_source
    assert paint(how, picture, controls).picture.tobytes() == picture.tobytes()


@pytest.mark.parametrize("depth", list(Depth))
def test_mix_lies_between(depth: Depth) -> None:
    how = form(depth)
    picture = packed(how, soft((131, 77), planes=3))
    full, half = (values_of(how, paint(how, picture, Controls(mix=mix)).picture) for mix in (1.0, 0.5))
    between = (values_of(how, picture) + full) / 2
    rounding = {Depth.BYTE: 0.76 / 255, Depth.SHORT: 0.76 / 65535, Depth.HALF: 2.0**-11, Depth.FLOAT: 1e-6}
    assert np.abs(half - between).max() <= rounding[depth]


@pytest.mark.parametrize("colour", [DISPLAY, LINEAR], ids=["display", "linear"])
@pytest.mark.parametrize("depth", FLOATS)
def test_values_beyond_black_and_white_come_out_as_they_came(depth: Depth, colour: HostColour) -> None:
    how = form(depth)
    picture = grey(how)
    picture[10:20, 10:50, :3] = 37.5
    picture[30:40, 10:50, :3] = -0.25
    picture[50:60, 10:50, :3] = 60000.0
    painted = paint(how, picture, colour=colour)
    for rows, value in ((slice(10, 20), 37.5), (slice(30, 40), -0.25), (slice(50, 60), 60000.0)):
        assert (painted.picture[rows, 10:50, :3] == np.asarray(value, dtype=picture.dtype)).all()
    assert np.isfinite(painted.picture).all()
    assert painted.nonfinite_pixels == 0


def test_colour_beyond_white_keeps_its_luma() -> None:
    how = form(Depth.FLOAT)
    picture = packed(how, np.array([3.0, 1.5, 0.5]))
    values = values_of(how, paint(how, picture).picture)
    assert np.abs(values - luma(values_of(how, picture))).max() < 1e-6


def test_highlights_do_not_blind_the_network() -> None:
    how = form(Depth.FLOAT, size=(64, 48))
    picture = packed(how, 0.2)
    picture[20, 20, :3] = 3e38
    mine = painter(how).read(picture).proxy
    spot = packed(how, 0.2)
    spot[20, 20, :3] = 1.0
    assert np.array_equal(mine, painter(how).read(spot).proxy)


@pytest.mark.fault(13, "NaN, Inf, negative, more than 1")
@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("colour", [DISPLAY, LINEAR], ids=["display", "linear"])
@pytest.mark.parametrize("components", list(Components))
@pytest.mark.parametrize("depth", FLOATS)
def test_what_is_no_number_harms_no_other_pixel(
    depth: Depth, components: Components, colour: HostColour, premultiplied: bool
) -> None:
    how = form(depth, components, premultiplied=premultiplied and components is Components.RGBA)
    clean = grey(how)
    clean[5:9, 5:9, :3] = 0
    picture = clean.copy()
    picture[5, 5] = np.nan
    picture[6, 6, 0] = np.nan
    picture[7, 7, :3] = np.inf
    picture[8, 8, 1] = -np.inf
    one = painter(how, colour)
    assert np.array_equal(one.read(picture).proxy, one.read(clean).proxy)
    for controls in (Controls(), Controls(mix=0.5), Controls(output=Output.CHROMA_ONLY)):
        dirty, tidy = paint(how, picture, controls, colour), paint(how, clean, controls, colour)
        assert dirty.nonfinite_pixels == 4
        assert tidy.nonfinite_pixels == 0
        assert not np.isnan(dirty.picture).any()
        assert (dirty.picture[5, 5] == 0).all()
        assert (dirty.picture[7, 7, :3] == np.inf).all()
        assert dirty.picture[8, 8, 1] == -np.inf
        others = np.ones(clean.shape[:2], dtype=bool)
        others[[5, 6, 7, 8], [5, 6, 7, 8]] = False
        assert np.array_equal(dirty.picture[others], tidy.picture[others])


@pytest.mark.fault(13, "NaN, Inf, negative, more than 1")
@pytest.mark.parametrize("colour", [DISPLAY, LINEAR], ids=["display", "linear"])
@pytest.mark.parametrize("depth", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_grey_pixel_that_is_no_number(depth: Depth, colour: HostColour, value: float) -> None:
    how = form(depth, Components.RGB)
    picture = grey(how)
    picture[5, 5] = value
    painted = paint(how, picture, colour=colour)
    assert painted.nonfinite_pixels == 1
    assert (painted.picture[5, 5] == (0 if np.isnan(value) else value)).all()
    assert np.isfinite(np.delete(painted.picture.reshape(-1, 3), 5 * 131 + 5, axis=0)).all()


@pytest.mark.fault(13, "NaN, Inf, negative, more than 1")
@pytest.mark.parametrize("depth", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_alpha_that_is_no_number(depth: Depth, value: float) -> None:
    how = form(depth)
    picture = grey(how)
    picture[5, 5, 3] = value
    painted = paint(how, picture)
    assert painted.nonfinite_pixels == 1
    assert np.array_equal(painted.picture[5, 5, :3], picture[5, 5, :3])
    assert painted.picture[5, 5, 3] == (0 if np.isnan(value) else value)


@pytest.mark.fault(13, "NaN, Inf, negative, more than 1")
@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=5 * 3 * 16, max_size=5 * 3 * 16), st.booleans(), st.sampled_from(list(Output)), st.booleans())
def test_any_bytes_at_all_are_a_float_picture(data: bytes, linear: bool, output: Output, premultiplied: bool) -> None:
    how = form(Depth.FLOAT, size=(5, 3), premultiplied=premultiplied)
    picture = how.view(bytearray(data))
    sure = np.full(proxy_of(how)[::-1], 99, dtype=np.uint8)
    painted = paint(how, picture, Controls(output=output), LINEAR if linear else DISPLAY, confidence=sure)
    assert painted.nonfinite_pixels >= np.count_nonzero(~np.isfinite(picture).all(axis=2))
    kept = painted.picture[:, : 5 // 2] if output is Output.SPLIT else painted.picture
    assert not np.isnan(kept).any()


@pytest.mark.parametrize("depth", list(Depth))
def test_premultiplied_is_the_colour_of_the_straight_picture_times_alpha(depth: Depth) -> None:
    alpha = np.linspace(0, 1, 131)[None, :] * np.ones((77, 1))
    alpha[:, :20] = 0
    straight, how = form(Depth.FLOAT), form(depth, premultiplied=True)
    values = soft((131, 77))
    expected = values_of(straight, paint(straight, packed(straight, values)).picture) * alpha
    picture = packed(how, values * alpha[..., None], alpha)
    picture[:, :10, :3] = 1  # light without alpha
    # The proxies differ where there is no alpha, so both are given that of the straight picture.
    one = painter(how)
    seen = painter(straight).read(packed(straight, values))
    painted = one.colour(picture, seen, chroma(proxy_of(how)), GREY_FILM)
    assert np.array_equal(painted.picture[:, :, 3], picture[:, :, 3])
    assert np.array_equal(painted.picture[:, :20], picture[:, :20])
    solid = alpha > 0.5  # where few codes are left, the colour before multiplication is not known well
    error = np.abs(values_of(how, painted.picture) - expected)[:, solid].max()
    assert error <= {Depth.BYTE: 3 / 255, Depth.SHORT: 3 / 65535, Depth.HALF: 4e-3, Depth.FLOAT: 1e-5}[depth]


@pytest.mark.parametrize("depth", list(Depth))
def test_premultiplied_luma_stays(depth: Depth) -> None:
    how = form(depth, premultiplied=True)
    picture = grey(how, alpha=soft((131, 77), seed=5)[:, :, 0])
    painted = paint(how, picture)
    error = np.abs(luma(values_of(how, painted.picture)) - luma(values_of(how, picture)))
    allowed = {Depth.BYTE: 0.502 / 255, Depth.SHORT: 0.52 / 65535, Depth.HALF: 2.0**-12 * 1.01, Depth.FLOAT: 3e-7}
    assert error.max() <= allowed[depth]
    assert (painted.picture != picture).any()


def test_opaque_premultiplied_is_straight() -> None:
    straight, how = form(), form(premultiplied=True)
    picture = grey(straight)
    assert np.array_equal(paint(how, picture).picture, paint(straight, picture).picture)


def test_byte_and_float_renders_look_alike() -> None:
    byte, real = form(), form(Depth.FLOAT)
    picture = grey(byte)
    in_float = packed(real, picture[:, :, :3] / 255)
    difference = values_of(byte, paint(byte, picture).picture) - values_of(real, paint(real, in_float).picture)
    assert np.abs(difference).max() <= 0.51 / 255


def test_scene_linear_is_the_display_picture_of_the_same_light() -> None:
    how = form(Depth.FLOAT)
    signal = soft((131, 77))
    light = paint(how, packed(how, to_linear(signal, Transfer.SRGB)), colour=LINEAR)
    back = from_linear(values_of(how, light.picture), Transfer.SRGB)
    # The same solve, but with BT.1886 in place of sRGB for what a* and b* mean: a slightly other shade.
    shown = values_of(how, paint(how, packed(how, signal)).picture)
    assert np.abs(back - shown).mean() < 0.02
    assert np.corrcoef((back - signal[:, :, 0]).ravel(), (shown - signal[:, :, 0]).ravel())[0, 1] > 0.98


def test_chroma_only_is_at_mid_luma() -> None:
    for how, colour in ((form(), DISPLAY), (form(Depth.FLOAT), DISPLAY), (form(Depth.FLOAT), LINEAR)):
        values = values_of(how, paint(how, grey(how), Controls(output=Output.CHROMA_ONLY), colour).picture)
        assert np.abs(luma(values, colour) - 0.5).max() <= 0.51 / 255
        assert values.std() > 0.05


def test_confidence_is_shown_as_grey() -> None:
    how = form(size=(48, 24))
    sure = np.arange(24 * 48, dtype=np.uint8).reshape(24, 48)
    one = HostPainter(how, DISPLAY, (48, 24))
    picture = grey(how)
    show = Controls(output=Output.CONFIDENCE)
    ab = np.zeros((2, 24, 48), dtype=np.int16)
    painted = one.colour(picture, one.read(picture), ab, show, confidence=sure)
    assert np.array_equal(painted.picture[:, :, :3], np.stack([sure] * 3, axis=-1))
    with pytest.raises(ValueError, match="this model does not give one"):
        one.colour(picture, one.read(picture), ab, show)


@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("depth", list(Depth))
def test_split_has_the_source_on_the_left(depth: Depth, premultiplied: bool) -> None:
    how = form(depth, premultiplied=premultiplied)
    picture = packed(how, soft((131, 77), planes=3) * 0.5, 0.5)
    split, full = (paint(how, picture, Controls(output=output)).picture for output in (Output.SPLIT, Output.COLOUR))
    assert np.array_equal(split[:, :65], picture[:, :65])
    assert (split[:, 65, :3] == (picture[:, 65, 3:] if premultiplied else white(how))).all()
    assert np.array_equal(split[:, 66:], full[:, 66:])
    assert (full[:, :65] != picture[:, :65]).any()


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 2)])
def test_split_of_a_tiny_picture(size: tuple[int, int]) -> None:
    how = form(size=size)
    assert paint(how, grey(how), Controls(output=Output.SPLIT)).picture.shape == how.shape


def test_wrong_input_is_refused() -> None:
    how = form()
    one, picture, ab = painter(how), grey(how), chroma(proxy_of(how))
    seen = one.read(picture)
    for bad in (picture[:-1], picture[:, :, :3], picture.astype(np.uint16), picture[:, ::-1]):
        with pytest.raises(ValueError, match="expected byte RGBA of 131 x 77"):
            one.read(bad)
        with pytest.raises(ValueError, match="expected byte RGBA of 131 x 77"):
            one.colour(bad, seen, ab, GREY_FILM)
    for bad in (ab[:1], ab.astype(np.float32), ab[:, :-1]):
        with pytest.raises(ValueError, match=r"expected int16 a\*b\*"):
            one.colour(picture, seen, bad, GREY_FILM)
    with pytest.raises(ValueError, match="expected uint16 proxy"):
        one.colour(picture, PictureLuma(seen.proxy[:-1], None), ab, GREY_FILM)
    with pytest.raises(ValueError, match="expected uint8 confidence"):
        one.colour(picture, seen, ab, Controls(output=Output.CONFIDENCE), confidence=seen.proxy)
    with pytest.raises(ValueError, match="expected a proxy within 131 x 77"):
        HostPainter(how, DISPLAY, (132, 77))


def test_a_picture_that_is_refused_is_not_touched() -> None:
    how = form()
    picture = grey(how)
    before = picture.tobytes()
    one, show = painter(how), Controls(output=Output.CONFIDENCE)
    with pytest.raises(ValueError, match="confidence"):
        one.colour(picture, one.read(picture), chroma(proxy_of(how)), show, in_place=True)
    assert picture.tobytes() == before


def test_the_network_is_told_which_transfer() -> None:
    assert DISPLAY.encoding.transfer is Transfer.BT709
    assert LINEAR.encoding == ColourEncoding(
        matrix=Matrix.BT709, range=Range.FULL, transfer=Transfer.SRGB, primaries=DISPLAY.encoding.primaries
    )


def test_few_greys_of_a_full_range_are_not_taken_for_film() -> None:
    """Line art: many such pictures lie on a film's grid by chance."""
    how = form(Depth.BYTE, size=(320, 180))
    random = np.random.default_rng(3)
    for _ in range(30):
        greys = np.concatenate([[0, 255], random.choice(256, 6, replace=False)]).astype(np.uint8)
        picture = packed(how, 0.0)
        picture[:, :, :3] = greys[random.integers(0, len(greys), (9, 16))].repeat(20, 0).repeat(20, 1)[:, :, None]
        assert painter(how).read(picture).grid is None


@pytest.mark.parametrize(("range_", "is_film"), [(Range.LIMITED, True), (Range.FULL, False)])
def test_a_media_file_s_range_says_whether_it_is_film(range_: Range, is_film: bool) -> None:
    how = form(Depth.BYTE, size=(320, 180))
    film = ColourEncoding(
        matrix=Matrix.BT709, range=range_, transfer=Transfer.BT709, primaries=DISPLAY.encoding.primaries
    )
    known = HostColour(HostTransfer.DISPLAY, film=film)
    _, picture = host_film(how, 8, 255, np.rint)
    few = packed(how, 0.0)
    few[:, 100:, :3] = 78  # code 83 of a film
    for one in (picture, few):
        assert (painter(how, known).read(one).grid is not None) == is_film
    assert known.encoding.range is Range.FULL
    assert HostColour(HostTransfer.SCENE_LINEAR, film=film).encoding.transfer is Transfer.SRGB
