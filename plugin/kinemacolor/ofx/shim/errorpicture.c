#include "errorpicture.h"

#include <stdbool.h>
#include <string.h>

#include "font.h"

enum {
    CELL_WIDTH = KC_GLYPH_WIDTH + 1,
    CELL_HEIGHT = KC_GLYPH_HEIGHT + 3,
    LINES = 24,
    COLUMNS_AIMED_AT = 40, /* so that the letters of a picture of any size are about as large to the eye */
};

static const char title[] = "KINEMACOLOR: NO COLOUR";

/* The text broken into lines, in a box of cells. */
struct layout {
    int scale; /* pixels of a dot */
    int columns, room, count; /* room: lines that fit */
    int left, top; /* of the first cell, in pixels from the upper left corner */
    struct {
        const char *text;
        int length;
    } lines[LINES];
};

enum shade { BLACK, MAGENTA, WHITE };

static int at_least(int value, int floor)
{
    return value < floor ? floor : value;
}

/* How much of the text fits into a line: whole words if there are any. */
static int fitting(const char *text, int columns)
{
    int length = (int)strlen(text);
    if (length <= columns)
        return length;
    for (int cut = columns; cut > 0; cut--) {
        if (text[cut] == ' ')
            return cut;
    }
    return columns;
}

static void add_lines(struct layout *layout, const char *text)
{
    while (*text != '\0' && layout->count < LINES && layout->count < layout->room) {
        int length = fitting(text, layout->columns);
        layout->lines[layout->count].text = text;
        layout->lines[layout->count++].length = length;
        text += length;
        while (*text == ' ')
            text++;
    }
}

static void lay_out(struct layout *layout, int width, int height, const char *text)
{
    layout->scale = at_least(width / (CELL_WIDTH * COLUMNS_AIMED_AT), 1);
    /* Some stripes stay visible at the edges, however long the text is. */
    layout->columns = at_least(width / (CELL_WIDTH * layout->scale) - 2, 1);
    layout->room = at_least(height / (CELL_HEIGHT * layout->scale) - 1, 1);
    layout->count = 0;
    add_lines(layout, title);
    add_lines(layout, text);
    int longest = 0;
    for (int line = 0; line < layout->count; line++)
        longest = at_least(layout->lines[line].length, longest);
    layout->columns = longest;
    layout->left = at_least((width - longest * CELL_WIDTH * layout->scale) / 2, 0);
    layout->top = at_least((height - layout->count * CELL_HEIGHT * layout->scale) / 2, 0);
}

static bool is_ink(char letter, int column, int row)
{
    unsigned char code = (unsigned char)letter;
    if (code >= 'a' && code <= 'z')
        code = (unsigned char)(code - 'a' + 'A');
    if (code < KC_GLYPH_FIRST || code > KC_GLYPH_LAST)
        code = '?';
    if (column >= KC_GLYPH_WIDTH || row < 0 || row >= KC_GLYPH_HEIGHT)
        return false;
    return kc_glyphs[code - KC_GLYPH_FIRST][row * (KC_GLYPH_WIDTH + 1) + column] == '#';
}

/* Text on black, magenta and black stripes around it. */
static enum shade shade_at(const struct layout *layout, int x, int y)
{
    int scale = layout->scale, left = x - layout->left, top = y - layout->top;
    bool boxed = left >= -2 * scale && left < layout->columns * CELL_WIDTH * scale + scale && top >= -2 * scale &&
                 top < layout->count * CELL_HEIGHT * scale + scale;
    if (!boxed)
        return (x + y) / (8 * scale) % 2 == 0 ? MAGENTA : BLACK;
    int column = left / scale, row = top / scale;
    int line = row / CELL_HEIGHT, place = column / CELL_WIDTH;
    if (left < 0 || top < 0 || line >= layout->count || place >= layout->lines[line].length)
        return BLACK;
    return is_ink(layout->lines[line].text[place], column % CELL_WIDTH, row % CELL_HEIGHT - 1) ? WHITE : BLACK;
}

/* One pixel of each shade, in the picture's own kind of numbers. */
static void make_pixel(uint8_t *pixel, const struct kc_image *image, enum shade shade)
{
    const bool on[4] = {shade != BLACK, shade == WHITE, shade != BLACK, true};
    size_t size = image->pixel_bytes / (size_t)image->components;
    for (int index = 0; index < (int)image->components; index++) {
        uint8_t full = 255;
        uint16_t white = image->depth == KC_DEPTH_HALF ? 0x3c00 : 65535;
        float one = 1.0f;
        const void *from = size == 1 ? (void *)&full : size == 2 ? (void *)&white : (void *)&one;
        if (on[index])
            memcpy(pixel + (size_t)index * size, from, size);
        else
            memset(pixel + (size_t)index * size, 0, size);
    }
}

void kc_error_picture(const struct kc_image *output, const struct ofx_rect_i *window, const char *text)
{
    struct ofx_rect_i inside = kc_image_window(output, window);
    struct layout layout;
    uint8_t pixels[3][4 * sizeof(float)];
    for (int shade = BLACK; shade <= WHITE; shade++)
        make_pixel(pixels[shade], output, (enum shade)shade);
    lay_out(&layout, (int)kc_image_width(output), (int)kc_image_height(output), text);
    for (int y = inside.y1; y < inside.y2; y++) {
        uint8_t *row = kc_image_row(output, y);
        for (int x = inside.x1; x < inside.x2; x++) {
            enum shade shade = shade_at(&layout, x - output->bounds.x1, output->bounds.y2 - 1 - y);
            memcpy(row + (size_t)(x - output->bounds.x1) * output->pixel_bytes, pixels[shade], output->pixel_bytes);
        }
    }
}
