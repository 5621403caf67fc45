/* What the host asks about an instance before it renders. */
#ifndef KC_PREFERENCES_H
#define KC_PREFERENCES_H

#include "abi.h"

ofx_status kc_clip_preferences(ofx_effect effect, ofx_properties out);
ofx_status kc_output_colourspace(ofx_properties out);
ofx_status kc_regions_of_interest(ofx_effect effect, ofx_properties in, ofx_properties out);
ofx_status kc_frames_needed(ofx_properties in, ofx_properties out);
ofx_status kc_is_identity(ofx_effect effect, ofx_properties in, ofx_properties out);

#endif
