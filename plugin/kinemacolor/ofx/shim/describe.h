/* What the host is told about the effect before any instance exists. Depends on the host, never on the machine. */
#ifndef KC_DESCRIBE_H
#define KC_DESCRIBE_H

#include "abi.h"

ofx_status kc_describe(ofx_effect effect);
ofx_status kc_describe_in_context(ofx_effect effect);

#endif
