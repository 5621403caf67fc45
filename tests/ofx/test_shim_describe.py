"""What the compiled effect tells a host about itself, in hosts that know more or less of the interface."""

import subprocess
from pathlib import Path

import pytest
from shim_child import in_child

from kinemacolor.ofx.minihost import MLT, NATRON, HostTraits, MiniHost
from kinemacolor.ofx.parameters import EFFECT_ID, PARAMETERS, Kind, parameter

TYPES = {
    Kind.CHOICE: "OfxParamTypeChoice",
    Kind.DOUBLE: "OfxParamTypeDouble",
    Kind.BOOLEAN: "OfxParamTypeBoolean",
    Kind.INTEGER: "OfxParamTypeInteger",
    Kind.TEXT: "OfxParamTypeString",
    Kind.FILE: "OfxParamTypeString",
    Kind.LABEL: "OfxParamTypeString",
    Kind.POINT: "OfxParamTypeDouble2D",
    Kind.COLOUR: "OfxParamTypeRGB",
    Kind.BUTTON: "OfxParamTypePushButton",
    Kind.GROUP: "OfxParamTypeGroup",
}


def default_in(param) -> object:
    return tuple(param.properties.values.get("OfxParamPropDefault", []))


def expected_default(each) -> object:
    if each.kind is Kind.CHOICE:
        return (each.choice_index,)
    if isinstance(each.default, tuple):
        return each.default
    return (int(each.default),) if isinstance(each.default, bool) else (each.default,)


@pytest.mark.shipped
def test_the_library_exports_what_hosts_look_for_and_nothing_else(shim):
    listed = subprocess.run(["nm", "-D", "--defined-only", str(shim)], check=True, capture_output=True, text=True)
    names = {line.split()[-1] for line in listed.stdout.splitlines()}
    assert names == {"OfxGetNumberOfPlugins", "OfxGetPlugin", "OfxSetHost"}


@pytest.mark.shipped
def test_it_needs_the_c_library_only(shim):
    listed = subprocess.run(["readelf", "-d", str(shim)], check=True, capture_output=True, text=True)
    needed = {line.split("[")[1].split("]")[0] for line in listed.stdout.splitlines() if "NEEDED" in line}
    assert needed <= {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2"}


@in_child
def test_it_describes_every_parameter_of_the_table(shim: Path):
    with MiniHost(shim) as host:
        assert host.plugin.identifier.decode() == EFFECT_ID
        assert host.load() == 0
        effect = host.describe()
        assert list(effect.params) == [each.name for each in PARAMETERS]
        for each in PARAMETERS:
            param = effect.params[each.name]
            texts = param.properties.texts
            assert param.type == TYPES[each.kind]
            assert texts("OfxPropLabel") == [each.label]
            assert texts("OfxParamPropHint") == [each.hint]
            assert texts("OfxParamPropParent") == ([each.group] if each.group else [])
            assert texts("OfxParamPropChoiceOption") == [choice.label for choice in each.choices]
            if each.kind.has_value:
                assert default_in(param) == expected_default(each)
                assert param.properties.values["OfxParamPropAnimates"] == [int(each.animates)]
                assert param.properties.values["OfxParamPropEvaluateOnChange"] == [int(each.evaluates)]


@in_child
def test_groups_are_closed_and_the_status_is_read_only_and_not_saved(shim: Path):
    with MiniHost(shim) as host:
        params = host.describe().params
        for each in PARAMETERS:
            if each.kind is Kind.GROUP:
                assert params[each.name].properties.values["OfxParamPropGroupOpen"] == [0]
        status = params["status"].properties
        assert status.texts("OfxParamPropStringMode") == ["OfxParamStringIsLabel"]
        assert status.values["OfxParamPropPersistant"] == [0]
        assert params["mediaFile"].properties.texts("OfxParamPropStringMode") == ["OfxParamStringIsFilePath"]


@in_child
def test_it_says_what_a_sequential_effect_must_say(shim: Path):
    with MiniHost(shim) as host:
        effect = host.describe()
        values = effect.descriptor.properties.values
        assert effect.texts("OfxImageEffectPropSupportedContexts") == [
            "OfxImageEffectContextFilter",
            "OfxImageEffectContextGeneral",
        ]
        assert effect.texts("OfxImageEffectPropSupportedPixelDepths") == [
            "OfxBitDepthByte",
            "OfxBitDepthShort",
            "OfxBitDepthHalf",
            "OfxBitDepthFloat",
        ]
        assert effect.texts("OfxImageEffectPluginRenderThreadSafety") == ["OfxImageEffectRenderUnsafe"]
        assert values["OfxImageEffectInstancePropSequentialRender"] == [1]
        assert values["OfxImageEffectPluginPropHostFrameThreading"] == [0]
        assert values["OfxImageEffectPropSupportsTiles"] == [0]
        assert effect.texts("OfxImageEffectPropNoSpatialAwareness") == ["false"]
        for name in ("Source", "Output"):
            clip = effect.descriptor.clips[name].properties
            assert clip.texts("OfxImageEffectPropSupportedComponents") == [
                "OfxImageComponentRGBA",
                "OfxImageComponentRGB",
            ]


@in_child
def test_temporal_access_is_wanted_only_where_the_host_offers_it(shim: Path):
    for traits, wanted in ((HostTraits(), 0), (HostTraits(temporal_access=True), 1)):
        with MiniHost(shim, traits) as host:
            effect = host.describe()
            assert effect.descriptor.properties.values["OfxImageEffectPropTemporalClipAccess"] == [wanted]
            source = effect.descriptor.clips["Source"].properties
            assert source.values["OfxImageEffectPropTemporalClipAccess"] == [wanted]


@in_child
def test_a_failed_render_is_not_offered_where_it_counts_as_success(shim: Path):
    for traits, options, chosen in ((MLT, ["Picture"], 0), (HostTraits(), ["Picture", "Fail"], 1)):
        with MiniHost(shim, traits) as host:
            properties = host.describe().params["onError"].properties
            assert properties.texts("OfxParamPropChoiceOption") == options
            assert properties.values["OfxParamPropDefault"] == [chosen]
            assert host.describe().params["onError"].name == parameter("onError").name


@in_child
def test_it_describes_itself_to_hosts_that_know_nothing_new(shim: Path):
    everything_new = frozenset(
        {
            "OfxImageEffectPropNoSpatialAwareness",
            "OfxImageEffectPropColourManagementStyle",
            "OfxImageEffectPropColourManagementAvailableConfigs",
            "OfxImageEffectPropCPURenderSupported",
            "OfxImageEffectPropCudaRenderSupported",
            "OfxImageEffectInstancePropSequentialRender",
            "OfxPropPluginDescription",
            "OfxParamPropPersistant",
            "OfxParamPropChoiceOption",
            "OfxParamPropHint",
            "OfxPropVersion",
        }
    )
    for traits in (HostTraits(unknown_properties=everything_new), NATRON):
        with MiniHost(shim, traits) as host:
            assert len(host.describe("OfxImageEffectContextGeneral").params) == len(PARAMETERS)


@in_child
def test_a_host_that_takes_no_groups_and_buttons_gets_the_rest(shim: Path):
    refused = frozenset({"OfxParamTypePushButton", "OfxParamTypeGroup"})
    with MiniHost(shim, HostTraits(refused_parameters=refused)) as host:
        assert set(host.describe().params) == {each.name for each in PARAMETERS if each.kind.has_value}


@in_child
def test_without_a_suite_that_it_needs_it_says_so(shim: Path):
    for name in ("OfxPropertySuite", "OfxImageEffectSuite", "OfxParameterSuite"):
        with MiniHost(shim, HostTraits(missing_suites=frozenset({(name, 1)}))) as host:
            assert host.load() == 4  # missing host feature
            with pytest.raises(RuntimeError, match="returned 4"):
                host.describe()


@in_child
def test_describing_starts_no_process_and_works_again_after_unload(shim: Path):
    import psutil

    with MiniHost(shim, MLT) as host:
        host.load()
        first = list(host.describe().params)
        assert host.act("OfxActionUnload") == 0
        assert list(host.describe().params) == first
        assert psutil.Process().children() == []


@in_child
def test_unknown_actions_are_left_to_the_host(shim: Path):
    with MiniHost(shim) as host:
        effect = host.describe()
        assert host.act("OfxActionOfTheYear2030", effect.descriptor) == 14  # reply default
