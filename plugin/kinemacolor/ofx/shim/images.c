#include "images.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "host.h"

enum { SIDE_LIMIT = 65536 };

/* ---- what a picture is ---- */

static const struct {
    const char *name;
    enum kc_depth depth;
    size_t bytes;
} depths[] = {
    {"OfxBitDepthByte", KC_DEPTH_BYTE, 1},
    {"OfxBitDepthShort", KC_DEPTH_SHORT, 2},
    {"OfxBitDepthHalf", KC_DEPTH_HALF, 2},
    {"OfxBitDepthFloat", KC_DEPTH_FLOAT, 4},
};

static bool read_format(struct kc_image *image)
{
    const char *components = kc_string_or(image->handle, "OfxImageEffectPropComponents", 0, "");
    const char *depth = kc_string_or(image->handle, "OfxImageEffectPropPixelDepth", 0, "");
    if (strcmp(components, "OfxImageComponentRGBA") == 0)
        image->components = KC_COMPONENTS_RGBA;
    else if (strcmp(components, "OfxImageComponentRGB") == 0)
        image->components = KC_COMPONENTS_RGB;
    else
        return false;
    for (size_t index = 0; index < sizeof depths / sizeof *depths; index++) {
        if (strcmp(depth, depths[index].name) == 0) {
            image->depth = depths[index].depth;
            image->pixel_bytes = depths[index].bytes * (size_t)image->components;
            return true;
        }
    }
    return false;
}

static enum kc_premultiplication read_premultiplication(ofx_properties set)
{
    const char *said = kc_string_or(set, "OfxImageEffectPropPreMultiplication", 0, "");
    if (strcmp(said, "OfxImageOpaque") == 0)
        return KC_PREMULTIPLICATION_OPAQUE;
    if (strcmp(said, "OfxImageAlphaPremultiplied") == 0)
        return KC_PREMULTIPLICATION_PREMULTIPLIED;
    if (strcmp(said, "OfxImageAlphaUnPremultiplied") == 0)
        return KC_PREMULTIPLICATION_UNPREMULTIPLIED;
    return KC_PREMULTIPLICATION_UNKNOWN;
}

/* Every number is the host's word and is checked before it is used to reach memory. */
static const char *read_geometry(struct kc_image *image)
{
    if (!kc_rect(image->handle, "OfxImagePropBounds", &image->bounds))
        return "the host's picture has no bounds";
    if (!kc_rect(image->handle, "OfxImagePropRegionOfDefinition", &image->definition))
        image->definition = image->bounds;
    int64_t width = (int64_t)image->bounds.x2 - image->bounds.x1;
    int64_t height = (int64_t)image->bounds.y2 - image->bounds.y1;
    if (width <= 0 || height <= 0)
        return "the host's picture is empty";
    if (width > SIDE_LIMIT || height > SIDE_LIMIT ||
        (uint64_t)width * (uint64_t)height * image->pixel_bytes > KC_PICTURE_LIMIT_BYTES)
        return "the picture is larger than the effect can take (1 GB)";
    int row_bytes = kc_int_or(image->handle, "OfxImagePropRowBytes", 0, 0);
    if (height > 1 && (row_bytes == INT_MIN || (uint64_t)(row_bytes < 0 ? -row_bytes : row_bytes) <
                                                   (uint64_t)width * image->pixel_bytes))
        return "the host's rows are shorter than its picture is wide";
    image->row_bytes = row_bytes;
    return NULL;
}

static const char *read_image(struct kc_image *image)
{
    if (!read_format(image))
        return "the host's picture is of a kind that the effect did not ask for";
    const char *why = read_geometry(image);
    if (why != NULL)
        return why;
    image->premultiplication = read_premultiplication(image->handle);
    snprintf(image->unique_id, sizeof image->unique_id, "%s",
             kc_string_or(image->handle, "OfxImagePropUniqueIdentifier", 0, ""));
    image->data = kc_pointer_or_null(image->handle, "OfxImagePropData");
    return image->data == NULL ? "the host's picture has no pixels" : NULL;
}

const char *kc_image_get(ofx_clip clip, double time, struct kc_image *image)
{
    *image = (struct kc_image){0};
    if (clip == NULL || kc_host.effect->clip_image(clip, time, NULL, &image->handle) != OFX_OK || image->handle == NULL)
        return "the host gives no picture";
    const char *why = read_image(image);
    if (why != NULL)
        kc_image_release(image);
    return why;
}

void kc_image_release(struct kc_image *image)
{
    if (image->handle != NULL)
        kc_host.effect->clip_release(image->handle);
    *image = (struct kc_image){0};
}

size_t kc_image_width(const struct kc_image *image)
{
    return (size_t)(image->bounds.x2 - image->bounds.x1);
}

size_t kc_image_height(const struct kc_image *image)
{
    return (size_t)(image->bounds.y2 - image->bounds.y1);
}

uint64_t kc_image_bytes(const struct kc_image *image)
{
    return (uint64_t)kc_image_width(image) * kc_image_height(image) * image->pixel_bytes;
}

bool kc_image_alike(const struct kc_image *image, const struct kc_image *other)
{
    return image->depth == other->depth && image->components == other->components;
}

/* ---- its way ---- */

static int larger(int one, int other)
{
    return one > other ? one : other;
}

static int smaller(int one, int other)
{
    return one < other ? one : other;
}

uint8_t *kc_image_row(const struct kc_image *image, int y)
{
    return image->data + ((ptrdiff_t)y - image->bounds.y1) * image->row_bytes;
}

struct ofx_rect_i kc_image_window(const struct kc_image *image, const struct ofx_rect_i *window)
{
    return (struct ofx_rect_i){
        .x1 = larger(window->x1, image->bounds.x1),
        .y1 = larger(window->y1, image->bounds.y1),
        .x2 = smaller(window->x2, image->bounds.x2),
        .y2 = smaller(window->y2, image->bounds.y2),
    };
}

void kc_image_pack(const struct kc_image *image, uint8_t *slot)
{
    size_t row = kc_image_width(image) * image->pixel_bytes;
    /* From above each row, so that none is too low for a number. */
    for (int above = image->bounds.y2; above > image->bounds.y1; above--, slot += row)
        memcpy(slot, kc_image_row(image, above - 1), row);
}

/* One row of the output: `from` is the source's row, NULL where it has none. */
static void write_row(const uint8_t *from, const struct kc_image *source, const struct kc_image *output,
                      const struct ofx_rect_i *window, int y)
{
    size_t pixel = output->pixel_bytes;
    uint8_t *to = kc_image_row(output, y) + (size_t)(window->x1 - output->bounds.x1) * pixel;
    int begin = larger(window->x1, source->bounds.x1), end = smaller(window->x2, source->bounds.x2);
    size_t width = (size_t)(window->x2 - window->x1) * pixel;
    if (from == NULL || begin >= end) {
        memset(to, 0, width);
        return;
    }
    size_t before = (size_t)(begin - window->x1) * pixel, inside = (size_t)(end - begin) * pixel;
    memset(to, 0, before);
    memcpy(to + before, from + (size_t)(begin - source->bounds.x1) * pixel, inside);
    memset(to + before + inside, 0, width - before - inside);
}

void kc_image_unpack(const uint8_t *slot, const struct kc_image *source, const struct kc_image *output,
                     const struct ofx_rect_i *window)
{
    struct ofx_rect_i inside = kc_image_window(output, window);
    size_t row = kc_image_width(source) * source->pixel_bytes;
    if (inside.x1 >= inside.x2)
        return;
    for (int y = inside.y1; y < inside.y2; y++) {
        bool has = y >= source->bounds.y1 && y < source->bounds.y2;
        write_row(has ? slot + (size_t)(source->bounds.y2 - 1 - y) * row : NULL, source, output, &inside, y);
    }
}

void kc_image_copy(const struct kc_image *source, const struct kc_image *output, const struct ofx_rect_i *window)
{
    struct ofx_rect_i inside = kc_image_window(output, window);
    if (inside.x1 >= inside.x2)
        return;
    for (int y = inside.y1; y < inside.y2; y++) {
        bool has = y >= source->bounds.y1 && y < source->bounds.y2;
        write_row(has ? kc_image_row(source, y) : NULL, source, output, &inside, y);
    }
}
