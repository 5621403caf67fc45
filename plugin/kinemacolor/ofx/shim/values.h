/* The parameters' values at one time, read from the host. */
#ifndef KC_VALUES_H
#define KC_VALUES_H

#include <stdbool.h>

#include "abi.h"
#include "bytes.h"
#include "parameters.h"

enum { KC_VALUES_TEXT = 32768 };

struct kc_values {
    struct {
        int whole;
        double numbers[3];
        const char *text;
    } of[KC_PARAMETERS];
    size_t text_used;
    char texts[KC_VALUES_TEXT]; /* the host's own are valid until it is asked for the next */
};

/* What the host does not have is at its default. NULL: all read; else the label of a text that is too long. */
const char *kc_values_read(ofx_effect effect, double time, struct kc_values *values);
void kc_values_put(const struct kc_values *values, struct kc_writer *writer);
/* Whether the effect leaves the picture as it is. */
bool kc_values_change_nothing(const struct kc_values *values);
/* Whether an error becomes a picture; on hosts that take a failed render for success it always does. */
bool kc_values_error_is_picture(const struct kc_values *values);
/* Sets a text parameter; only in actions that may do so. */
void kc_set_text_value(ofx_effect effect, int place, const char *text);
void kc_set_whole_value(ofx_effect effect, int place, int value);

#endif
