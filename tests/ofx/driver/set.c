/* Properties: names with values, made when they are set. What was never set is unknown. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

struct entry *entry_of(const struct set *set, const char *name)
{
    for (int place = 0; place < set->count; place++) {
        if (strcmp(set->entries[place].name, name) == 0)
            return &set->entries[place];
    }
    return NULL;
}

/* The place of a value that is about to be set. */
static union value *place_for(struct set *set, const char *name, int index, bool is_text)
{
    require(index >= 0 && index < VALUES);
    struct entry *entry = entry_of(set, name);
    if (entry == NULL) {
        set->entries = realloc(set->entries, (size_t)(set->count + 1) * sizeof *set->entries);
        require(set->entries != NULL);
        entry = &set->entries[set->count++];
        *entry = (struct entry){.name = strdup(name), .is_text = is_text};
    }
    require(entry->is_text == is_text);
    if (index >= entry->count)
        entry->count = index + 1;
    return &entry->values[index];
}

static const union value *value_of(const struct set *set, const char *name, int index)
{
    const struct entry *entry = entry_of(set, name);
    return entry == NULL || index < 0 || index >= entry->count ? NULL : &entry->values[index];
}

ofx_properties handle_of(struct set *set)
{
    return (ofx_properties)set;
}

static struct set *set_of(ofx_properties handle)
{
    return (struct set *)handle;
}

/* ---- for the driver itself ---- */

void set_text(struct set *set, const char *name, int index, const char *text)
{
    union value *value = place_for(set, name, index, true);
    free(value->text);
    value->text = strdup(text);
}

void set_whole(struct set *set, const char *name, int index, int whole)
{
    place_for(set, name, index, false)->whole = whole;
}

void set_number(struct set *set, const char *name, int index, double number)
{
    place_for(set, name, index, false)->number = number;
}

void set_pointer(struct set *set, const char *name, void *pointer)
{
    place_for(set, name, 0, false)->pointer = pointer;
}

void set_rect(struct set *set, const char *name, const struct ofx_rect_i *rect)
{
    const int sides[4] = {rect->x1, rect->y1, rect->x2, rect->y2};
    for (int index = 0; index < 4; index++)
        set_whole(set, name, index, sides[index]);
}

const char *text_of(struct set *set, const char *name, const char *fallback)
{
    const union value *value = value_of(set, name, 0);
    return value == NULL ? fallback : value->text;
}

void set_free(struct set *set)
{
    for (int place = 0; place < set->count; place++) {
        struct entry *entry = &set->entries[place];
        for (int index = 0; entry->is_text && index < entry->count; index++)
            free(entry->values[index].text);
        free(entry->name);
    }
    free(set->entries);
    *set = (struct set){0};
}

/* ---- for the effect ---- */

static ofx_status suite_set_string(ofx_properties set, const char *name, int index, const char *text)
{
    set_text(set_of(set), name, index, text);
    return OFX_OK;
}

static ofx_status suite_set_double(ofx_properties set, const char *name, int index, double number)
{
    set_number(set_of(set), name, index, number);
    return OFX_OK;
}

static ofx_status suite_set_int(ofx_properties set, const char *name, int index, int whole)
{
    set_whole(set_of(set), name, index, whole);
    return OFX_OK;
}

static ofx_status suite_get_pointer(ofx_properties set, const char *name, int index, void **pointer)
{
    const union value *value = value_of(set_of(set), name, index);
    if (value != NULL)
        *pointer = value->pointer;
    return value == NULL ? OFX_FAILED : OFX_OK;
}

static ofx_status suite_get_string(ofx_properties set, const char *name, int index, char **text)
{
    const union value *value = value_of(set_of(set), name, index);
    if (value != NULL)
        *text = value->text;
    return value == NULL ? OFX_FAILED : OFX_OK;
}

static ofx_status suite_get_double(ofx_properties set, const char *name, int index, double *number)
{
    const union value *value = value_of(set_of(set), name, index);
    if (value != NULL)
        *number = value->number;
    return value == NULL ? OFX_FAILED : OFX_OK;
}

static ofx_status suite_get_int(ofx_properties set, const char *name, int index, int *whole)
{
    const union value *value = value_of(set_of(set), name, index);
    if (value != NULL)
        *whole = value->whole;
    return value == NULL ? OFX_FAILED : OFX_OK;
}

/* What the effect does not use is missing: a call of it is seen at once. */
const struct ofx_property_suite property_suite = {
    .set_string = suite_set_string,
    .set_double = suite_set_double,
    .set_int = suite_set_int,
    .get_pointer = suite_get_pointer,
    .get_string = suite_get_string,
    .get_double = suite_get_double,
    .get_int = suite_get_int,
};
