/* The host's pictures: what they are, and their way into a slot and back. In a slot rows go down and nothing is padded. */
#ifndef KC_IMAGES_H
#define KC_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "wire.h"

struct kc_image {
    ofx_properties handle;
    uint8_t *data;       /* the lower left pixel */
    ptrdiff_t row_bytes; /* to the row above; negative in hosts whose rows go down */
    struct ofx_rect_i bounds, definition;
    enum kc_depth depth;
    enum kc_components components;
    enum kc_premultiplication premultiplication;
    size_t pixel_bytes;
    char unique_id[256];
};

/* Gets a picture of a clip. NULL: it is there and must be released; else why not. */
const char *kc_image_get(ofx_clip clip, double time, struct kc_image *image);
void kc_image_release(struct kc_image *image);

size_t kc_image_width(const struct kc_image *image);
size_t kc_image_height(const struct kc_image *image);
/* In a slot. */
uint64_t kc_image_bytes(const struct kc_image *image);
/* Whether two pictures have the same kind of pixels. */
bool kc_image_alike(const struct kc_image *image, const struct kc_image *other);

void kc_image_pack(const struct kc_image *image, uint8_t *slot);
/* Writes the render window of `output` from a slot with a picture of `source`'s geometry; outside that it is empty. */
void kc_image_unpack(const uint8_t *slot, const struct kc_image *source, const struct kc_image *output,
                     const struct ofx_rect_i *window);
/* The same, without a slot in between. */
void kc_image_copy(const struct kc_image *source, const struct kc_image *output, const struct ofx_rect_i *window);
/* The row of a picture at height `y`, from its first pixel on. */
uint8_t *kc_image_row(const struct kc_image *image, int y);
/* The part of the window that the picture covers. */
struct ofx_rect_i kc_image_window(const struct kc_image *image, const struct ofx_rect_i *window);

#endif
