#include "preferences.h"

#include <stdlib.h>
#include <string.h>

#include "clip.h"
#include "host.h"
#include "values.h"

/* Frames before the one that is rendered. Hosts with temporal access get all of them ready for every frame, so they are
 * few: enough to settle a colour, which stays provisional. The true past comes from the media file. */
enum { FRAMES_BEFORE = 8 };

/* Asked for only where the host manages colour: the network has learned from pictures as they are displayed. */
static void prefer_display(ofx_effect effect, ofx_properties out)
{
    ofx_properties set = NULL;
    if (kc_host.effect->get_properties(effect, &set) != OFX_OK)
        return;
    const char *style = kc_string_or(set, "OfxImageEffectPropColourManagementStyle", 0, "");
    if (style[0] == '\0' || strcmp(style, "OfxImageEffectColourManagementNone") == 0)
        return;
    int index = 0;
    if (strcmp(style, "OfxImageEffectColourManagementBasic") != 0 &&
        strcmp(style, "OfxImageEffectColourManagementOCIO") != 0)
        kc_set_string(out, "OfxImageClipPropPreferredColourspaces_Source", index++, "srgb_display");
    kc_set_string(out, "OfxImageClipPropPreferredColourspaces_Source", index, "ofx_display_sdr");
}

ofx_status kc_clip_preferences(ofx_effect effect, ofx_properties out)
{
    ofx_properties source = NULL;
    /* The same picture at another time may have another colour: nothing may be taken for constant. */
    kc_set_int(out, "OfxImageEffectFrameVarying", 0, 1);
    if (kc_clip(effect, "Source", &source) != NULL) {
        const char *alpha = kc_string_or(source, "OfxImageEffectPropPreMultiplication", 0, NULL);
        if (alpha != NULL)
            kc_set_string(out, "OfxImageEffectPropPreMultiplication", 0, alpha);
    }
    prefer_display(effect, out);
    return OFX_OK;
}

ofx_status kc_output_colourspace(ofx_properties out)
{
    kc_set_string(out, "OfxImageClipPropColourspace", 0, "OfxColourspace_Source");
    return OFX_OK;
}

ofx_status kc_regions_of_interest(ofx_effect effect, ofx_properties in, ofx_properties out)
{
    struct ofx_rect_d whole = {0}; /* MLT says yes and does not fill it */
    ofx_clip clip = kc_clip(effect, "Source", NULL);
    double time = kc_double_or(in, "OfxPropTime", 0, 0.0);
    if (clip == NULL || kc_host.effect->clip_definition(clip, time, &whole) != OFX_OK ||
        !(whole.x1 < whole.x2 && whole.y1 < whole.y2))
        return OFX_REPLY_DEFAULT;
    const double sides[4] = {whole.x1, whole.y1, whole.x2, whole.y2};
    for (int index = 0; index < 4; index++)
        kc_set_double(out, "OfxImageClipPropRoI_Source", index, sides[index]);
    return OFX_OK;
}

ofx_status kc_frames_needed(ofx_properties in, ofx_properties out)
{
    if (kc_host_int("OfxImageEffectPropTemporalClipAccess", 0, 0) != 1)
        return OFX_REPLY_DEFAULT;
    double time = kc_double_or(in, "OfxPropTime", 0, 0.0);
    kc_set_double(out, "OfxImageClipPropFrameRange_Source", 0, time - FRAMES_BEFORE);
    kc_set_double(out, "OfxImageClipPropFrameRange_Source", 1, time);
    return OFX_OK;
}

ofx_status kc_is_identity(ofx_effect effect, ofx_properties in, ofx_properties out)
{
    double time = kc_double_or(in, "OfxPropTime", 0, 0.0);
    struct kc_values *values = malloc(sizeof *values);
    if (values == NULL)
        return OFX_REPLY_DEFAULT;
    bool nothing = kc_values_read(effect, time, values) == NULL && kc_values_change_nothing(values);
    free(values);
    if (!nothing)
        return OFX_REPLY_DEFAULT;
    kc_set_string(out, "OfxPropName", 0, "Source");
    kc_set_double(out, "OfxPropTime", 0, time);
    return OFX_OK;
}
