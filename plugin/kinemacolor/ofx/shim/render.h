/* The Render action. */
#ifndef KC_RENDER_H
#define KC_RENDER_H

#include "abi.h"

ofx_status kc_render(ofx_effect effect, ofx_properties in);

#endif
