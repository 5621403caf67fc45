#include "clip.h"

#include <math.h>

#include "host.h"

ofx_clip kc_clip(ofx_effect effect, const char *name, ofx_properties *set)
{
    ofx_clip clip = NULL;
    ofx_properties found = NULL;
    if (kc_host.effect->clip_handle(effect, name, &clip, &found) != OFX_OK)
        clip = NULL;
    if (set != NULL)
        *set = clip == NULL ? NULL : found;
    return clip;
}

static double finite_or(double value, double fallback)
{
    return isfinite(value) ? value : fallback;
}

void kc_clip_put_facts(ofx_effect effect, const struct kc_image *image, struct kc_writer *writer)
{
    ofx_properties set = NULL;
    kc_clip(effect, "Source", &set);
    kc_put_f64(writer, finite_or(kc_double_or(set, "OfxImageEffectPropFrameRate", 0, 0.0), 0.0));
    kc_put_f64(writer, kc_double_or(set, "OfxImageEffectPropFrameRange", 0, NAN));
    kc_put_f64(writer, kc_double_or(set, "OfxImageEffectPropFrameRange", 1, NAN));
    kc_put_f64(writer, finite_or(kc_double_or(set, "OfxImagePropPixelAspectRatio", 0, 1.0), 1.0));
    kc_put_u32(writer, image == NULL ? KC_PREMULTIPLICATION_UNKNOWN : image->premultiplication);
    kc_put_text(writer, kc_string_or(set, "OfxImageClipPropColourspace", 0, ""));
}
