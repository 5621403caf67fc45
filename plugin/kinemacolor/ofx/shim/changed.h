/* A parameter was changed or a button pressed; and the status line, which may be written only then. */
#ifndef KC_CHANGED_H
#define KC_CHANGED_H

#include "abi.h"

ofx_status kc_changed(ofx_effect effect, ofx_properties in);
/* Writes the status line if there is something new to say; only in actions that may set parameters. */
void kc_show_status(ofx_effect effect);

#endif
