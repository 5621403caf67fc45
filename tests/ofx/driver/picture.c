/* Pictures of all kinds, in memory that ends with their last pixel. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

#define RGBA "OfxImageComponentRGBA"
#define RGB "OfxImageComponentRGB"

const struct kind kinds[KINDS] = {
    {"OfxBitDepthByte", RGBA, 4},  {"OfxBitDepthByte", RGB, 3},  {"OfxBitDepthShort", RGBA, 8},
    {"OfxBitDepthShort", RGB, 6},  {"OfxBitDepthHalf", RGBA, 8}, {"OfxBitDepthHalf", RGB, 6},
    {"OfxBitDepthFloat", RGBA, 16}, {"OfxBitDepthFloat", RGB, 12},
};

static int width_of(const struct picture *picture)
{
    return picture->bounds.x2 - picture->bounds.x1;
}

static int height_of(const struct picture *picture)
{
    return picture->bounds.y2 - picture->bounds.y1;
}

static void fill(struct picture *picture, unsigned seed)
{
    for (size_t index = 0; index < picture->size; index++) {
        seed = seed * 1664525u + 1013904223u;
        picture->memory[index] = (uint8_t)(seed >> 24);
    }
}

struct picture *picture_new(const struct kind *kind, const struct ofx_rect_i *bounds, int padding, unsigned seed)
{
    struct picture *picture = malloc(sizeof *picture);
    require(picture != NULL);
    *picture = (struct picture){.kind = *kind, .bounds = *bounds};
    int row = width_of(picture) * kind->pixel_bytes;
    int stride = row + abs(padding);
    picture->row_bytes = padding < 0 ? -stride : stride;
    picture->size = (size_t)(height_of(picture) - 1) * (size_t)stride + (size_t)row;
    picture->memory = malloc(picture->size);
    require(picture->memory != NULL);
    picture->data = picture->memory + (padding < 0 ? (size_t)(height_of(picture) - 1) * (size_t)stride : 0);
    fill(picture, seed);
    return picture;
}

void picture_describe(const struct picture *picture, struct set *set)
{
    set_text(set, "OfxImageEffectPropComponents", 0, picture->kind.components);
    set_text(set, "OfxImageEffectPropPixelDepth", 0, picture->kind.depth);
    set_text(set, "OfxImageEffectPropPreMultiplication", 0, "OfxImageOpaque");
    set_text(set, "OfxImagePropUniqueIdentifier", 0, "a picture of the driver");
    set_rect(set, "OfxImagePropBounds", &picture->bounds);
    set_rect(set, "OfxImagePropRegionOfDefinition", &picture->bounds);
    set_whole(set, "OfxImagePropRowBytes", 0, picture->row_bytes);
    set_pointer(set, "OfxImagePropData", picture->data);
}

static const uint8_t *pixel(const struct picture *picture, int x, int y)
{
    ptrdiff_t row = ((ptrdiff_t)y - picture->bounds.y1) * picture->row_bytes;
    return picture->data + row + (ptrdiff_t)(x - picture->bounds.x1) * picture->kind.pixel_bytes;
}

bool picture_came_through(const struct picture *picture, const struct picture *before, const struct picture *from,
                          const struct ofx_rect_i *window)
{
    size_t bytes = (size_t)(window->x2 - window->x1) * (size_t)picture->kind.pixel_bytes;
    for (int y = window->y1; y < window->y2; y++) {
        size_t at = (size_t)(pixel(picture, window->x1, y) - picture->memory);
        if (memcmp(picture->memory + at, pixel(from, window->x1, y), bytes) != 0)
            return false;
        memcpy(before->memory + at, picture->memory + at, bytes);
    }
    return memcmp(picture->memory, before->memory, picture->size) == 0;
}

void picture_free(struct picture *picture)
{
    free(picture->memory);
    free(picture);
}
