/* A picture that cannot be missed, with a reason in words. Needs no helper and no memory. */
#ifndef KC_ERRORPICTURE_H
#define KC_ERRORPICTURE_H

#include "images.h"

void kc_error_picture(const struct kc_image *output, const struct ofx_rect_i *window, const char *text);

#endif
