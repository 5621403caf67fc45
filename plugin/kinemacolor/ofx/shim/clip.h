/* What the host says about the source clip. */
#ifndef KC_CLIP_H
#define KC_CLIP_H

#include "abi.h"
#include "bytes.h"
#include "images.h"

/* NULL if the instance has no such clip. */
ofx_clip kc_clip(ofx_effect effect, const char *name, ofx_properties *set);
/* Frame rate, range, aspect, alpha, colourspace: in the order of the wire. The picture, if there is one, knows better. */
void kc_clip_put_facts(ofx_effect effect, const struct kc_image *image, struct kc_writer *writer);

#endif
