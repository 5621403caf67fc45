#include "describe.h"

#include <string.h>

#include "host.h"
#include "parameters.h"

/* ---- the effect ---- */

static void set_each(ofx_properties set, const char *name, const char *const *values, int count)
{
    for (int index = 0; index < count; index++)
        kc_set_string(set, name, index, values[index]);
}

static void describe_formats(ofx_properties set)
{
    static const char *const contexts[] = {"OfxImageEffectContextFilter", "OfxImageEffectContextGeneral"};
    static const char *const depths[] = {"OfxBitDepthByte", "OfxBitDepthShort", "OfxBitDepthHalf", "OfxBitDepthFloat"};
    set_each(set, "OfxImageEffectPropSupportedContexts", contexts, 2);
    set_each(set, "OfxImageEffectPropSupportedPixelDepths", depths, 4);
    kc_set_int(set, "OfxImageEffectPropSupportsTiles", 0, 0);
    kc_set_int(set, "OfxImageEffectPropSupportsMultiResolution", 0, 0);
    kc_set_int(set, "OfxImageEffectPropMultipleClipDepths", 0, 0);
    kc_set_int(set, "OfxImageEffectPropSupportsMultipleClipPARs", 0, 0);
}

static void describe_rendering(ofx_properties set)
{
    /* Unsafe: with InstanceSafe, MLT makes a new instance for every frame. */
    kc_set_string(set, "OfxImageEffectPluginRenderThreadSafety", 0, "OfxImageEffectRenderUnsafe");
    kc_set_int(set, "OfxImageEffectPluginPropHostFrameThreading", 0, 0);
    kc_set_int(set, "OfxImageEffectPluginPropSingleInstance", 0, 0);
    kc_set_int(set, "OfxImageEffectInstancePropSequentialRender", 0, 1);
    kc_set_int(set, "OfxImageEffectPluginPropFieldRenderTwiceAlways", 0, 0);
    kc_set_int(set, "OfxImageEffectPropTemporalClipAccess", 0,
               kc_host_int("OfxImageEffectPropTemporalClipAccess", 0, 0) == 1);
    kc_set_string(set, "OfxImageEffectPropCPURenderSupported", 0, "true");
    kc_set_string(set, "OfxImageEffectPropCudaRenderSupported", 0, "false");
    kc_set_string(set, "OfxImageEffectPropOpenCLRenderSupported", 0, "false");
    kc_set_string(set, "OfxImageEffectPropMetalRenderSupported", 0, "false");
    kc_set_string(set, "OfxImageEffectPropOpenGLRenderSupported", 0, "false");
    kc_set_string(set, "OfxImageEffectPropNoSpatialAwareness", 0, "false");
}

static void describe_colour_management(ofx_properties set)
{
    kc_set_string(set, "OfxImageEffectPropColourManagementStyle", 0, "OfxImageEffectColourManagementBasic");
    kc_set_string(set, "OfxImageEffectPropColourManagementAvailableConfigs", 0, "ofx-native-v1.5_aces-v1.3_ocio-v2.3");
}

ofx_status kc_describe(ofx_effect effect)
{
    ofx_properties set = NULL;
    if (kc_host.effect->get_properties(effect, &set) != OFX_OK || set == NULL)
        return OFX_ERR_BAD_HANDLE;
    kc_set_string(set, "OfxPropLabel", 0, "Kinemacolor");
    kc_set_string(set, "OfxPropShortLabel", 0, "Kinemacolor");
    kc_set_string(set, "OfxPropLongLabel", 0, "Kinemacolor: colour for black-and-white film");
    kc_set_string(set, "OfxImageEffectPluginPropGrouping", 0, "Colour");
    kc_set_string(set, "OfxPropPluginDescription", 0,
                  "Adds colour to black-and-white film and leaves its brightness as it is.");
    kc_set_int(set, "OfxPropVersion", 0, KC_EFFECT_MAJOR);
    kc_set_int(set, "OfxPropVersion", 1, KC_EFFECT_MINOR);
    describe_formats(set);
    describe_rendering(set);
    describe_colour_management(set);
    return OFX_OK;
}

/* ---- its clips ---- */

static ofx_status define_clip(ofx_effect effect, const char *name)
{
    static const char *const components[] = {"OfxImageComponentRGBA", "OfxImageComponentRGB"};
    ofx_properties set = NULL;
    if (kc_host.effect->clip_define(effect, name, &set) != OFX_OK)
        return OFX_FAILED;
    set_each(set, "OfxImageEffectPropSupportedComponents", components, 2);
    kc_set_int(set, "OfxImageEffectPropSupportsTiles", 0, 0);
    kc_set_int(set, "OfxImageClipPropOptional", 0, 0);
    kc_set_int(set, "OfxImageClipPropIsMask", 0, 0);
    /* Whole frames, never one field of them. */
    kc_set_string(set, "OfxImageClipPropFieldExtraction", 0, "OfxFieldBoth");
    if (strcmp(name, "Source") == 0)
        kc_set_int(set, "OfxImageEffectPropTemporalClipAccess", 0,
                   kc_host_int("OfxImageEffectPropTemporalClipAccess", 0, 0) == 1);
    return OFX_OK;
}

/* ---- its parameters ---- */

static const char *type_of(enum kc_kind kind)
{
    switch (kind) {
    case KC_CHOICE:
        return "OfxParamTypeChoice";
    case KC_DOUBLE:
        return "OfxParamTypeDouble";
    case KC_BOOLEAN:
        return "OfxParamTypeBoolean";
    case KC_INTEGER:
        return "OfxParamTypeInteger";
    case KC_POINT:
        return "OfxParamTypeDouble2D";
    case KC_COLOUR:
        return "OfxParamTypeRGB";
    case KC_BUTTON:
        return "OfxParamTypePushButton";
    case KC_GROUP:
        return "OfxParamTypeGroup";
    case KC_TEXT:
    case KC_FILE:
    case KC_LABEL:
        break;
    }
    return "OfxParamTypeString";
}

static void set_range(ofx_properties set, int index, double low, double high)
{
    kc_set_double(set, "OfxParamPropMin", index, low);
    kc_set_double(set, "OfxParamPropMax", index, high);
    kc_set_double(set, "OfxParamPropDisplayMin", index, low);
    kc_set_double(set, "OfxParamPropDisplayMax", index, high);
}

static void describe_doubles(ofx_properties set, const struct kc_parameter *parameter, int count)
{
    for (int index = 0; index < count; index++) {
        kc_set_double(set, "OfxParamPropDefault", index, parameter->defaults[index]);
        /* A colour is 0 to 1 by definition, and bounds on it confuse hosts. */
        if (parameter->kind != KC_COLOUR)
            set_range(set, index, parameter->minimum, parameter->maximum);
    }
    if (parameter->kind != KC_COLOUR) {
        /* A point is plain numbers, not a place in the host's own coordinates: its hint says which. */
        kc_set_string(set, "OfxParamPropDoubleType", 0, "OfxParamDoubleTypePlain");
        kc_set_double(set, "OfxParamPropIncrement", 0, (parameter->maximum - parameter->minimum) / 100.0);
        kc_set_int(set, "OfxParamPropDigits", 0, parameter->maximum > 10.0 ? 1 : 3);
    }
}

static void describe_choice(ofx_properties set, const struct kc_parameter *parameter)
{
    int count = parameter->choice_count, chosen = (int)parameter->defaults[0];
    if (parameter == &kc_parameters[KC_AT_ONERROR] && kc_host_ignores_failure()) {
        /* Only the picture would be seen there, so "fail" is not offered. */
        count = 1;
        chosen = 0;
    }
    set_each(set, "OfxParamPropChoiceOption", parameter->choices, count);
    kc_set_int(set, "OfxParamPropDefault", 0, chosen);
}

static void describe_whole(ofx_properties set, const struct kc_parameter *parameter)
{
    kc_set_int(set, "OfxParamPropDefault", 0, (int)parameter->defaults[0]);
    if (parameter->kind == KC_INTEGER) {
        kc_set_int(set, "OfxParamPropMin", 0, (int)parameter->minimum);
        kc_set_int(set, "OfxParamPropMax", 0, (int)parameter->maximum);
        kc_set_int(set, "OfxParamPropDisplayMin", 0, (int)parameter->minimum);
        kc_set_int(set, "OfxParamPropDisplayMax", 0, (int)parameter->maximum);
    }
}

static void describe_text(ofx_properties set, const struct kc_parameter *parameter)
{
    const char *mode = "OfxParamStringIsSingleLine";
    if (parameter->kind == KC_FILE)
        mode = "OfxParamStringIsFilePath";
    if (parameter->kind == KC_LABEL) {
        mode = "OfxParamStringIsLabel";
        kc_set_int(set, "OfxParamPropPersistant", 0, 0);
        kc_set_int(set, "OfxParamPropCanUndo", 0, 0);
    }
    kc_set_string(set, "OfxParamPropStringMode", 0, mode);
    kc_set_string(set, "OfxParamPropDefault", 0, "");
}

static void describe_value(ofx_properties set, const struct kc_parameter *parameter)
{
    switch (parameter->kind) {
    case KC_CHOICE:
        describe_choice(set, parameter);
        break;
    case KC_DOUBLE:
        describe_doubles(set, parameter, 1);
        break;
    case KC_POINT:
        describe_doubles(set, parameter, 2);
        break;
    case KC_COLOUR:
        describe_doubles(set, parameter, 3);
        break;
    case KC_BOOLEAN:
    case KC_INTEGER:
        describe_whole(set, parameter);
        break;
    case KC_TEXT:
    case KC_FILE:
    case KC_LABEL:
        describe_text(set, parameter);
        break;
    case KC_BUTTON:
    case KC_GROUP:
        break;
    }
}

/* A parameter that the host does not take keeps its default; the effect works without it. */
static void define_parameter(ofx_params params, const struct kc_parameter *parameter)
{
    ofx_properties set = NULL;
    if (kc_host.param->define(params, type_of(parameter->kind), parameter->name, &set) != OFX_OK)
        return;
    kc_set_string(set, "OfxPropLabel", 0, parameter->label);
    kc_set_string(set, "OfxParamPropHint", 0, parameter->hint);
    kc_set_string(set, "OfxParamPropScriptName", 0, parameter->name);
    if (parameter->group != NULL)
        kc_set_string(set, "OfxParamPropParent", 0, parameter->group);
    if (parameter->kind == KC_GROUP) {
        kc_set_int(set, "OfxParamPropGroupOpen", 0, 0);
        return;
    }
    if (parameter->kind != KC_BUTTON)
        kc_set_int(set, "OfxParamPropAnimates", 0, parameter->animates);
    kc_set_int(set, "OfxParamPropEvaluateOnChange", 0, parameter->evaluates);
    describe_value(set, parameter);
}

ofx_status kc_describe_in_context(ofx_effect effect)
{
    ofx_params params = NULL;
    if (define_clip(effect, "Source") != OFX_OK || define_clip(effect, "Output") != OFX_OK)
        return OFX_FAILED;
    if (kc_host.effect->get_params(effect, &params) != OFX_OK || params == NULL)
        return OFX_FAILED;
    for (int index = 0; index < KC_PARAMETERS; index++)
        define_parameter(params, &kc_parameters[index]);
    return OFX_OK;
}
