/* What a parameter of the table is. The table itself is generated: table.h. */
#ifndef KC_PARAMETERS_H
#define KC_PARAMETERS_H

#include <stdbool.h>
#include <stdint.h>

#include "wire.h"

enum kc_kind {
    KC_CHOICE,
    KC_DOUBLE,
    KC_BOOLEAN,
    KC_INTEGER,
    KC_TEXT,
    KC_FILE,
    KC_LABEL,
    KC_POINT,
    KC_COLOUR,
    KC_BUTTON,
    KC_GROUP,
};

struct kc_parameter {
    enum kc_kind kind;
    const char *name, *label, *hint;
    const char *group; /* name of the group it lies in; NULL: always visible */
    bool animates;
    bool cheap;     /* the network's work stays valid when it changes */
    bool evaluates; /* a change makes the host render again */
    double defaults[3];
    double minimum, maximum;
    const char *const *choices;
    int choice_count;
};

extern const struct kc_parameter kc_parameters[KC_PARAMETERS];
extern const uint64_t kc_table_hash;

#endif
