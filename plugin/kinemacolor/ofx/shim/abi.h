/* The part of the OpenFX 1.5 binary interface that this effect uses, in our own declarations: layouts and numbers only. */
#ifndef KC_ABI_H
#define KC_ABI_H

#include <stddef.h>

#if defined(_WIN32)
#define KC_EXPORT __declspec(dllexport)
#else
#define KC_EXPORT __attribute__((visibility("default")))
#endif

typedef int ofx_status;
enum {
    OFX_OK = 0,
    OFX_FAILED = 1,
    OFX_ERR_MISSING_HOST_FEATURE = 4,
    OFX_ERR_MEMORY = 8,
    OFX_ERR_BAD_HANDLE = 9,
    OFX_REPLY_YES = 12,
    OFX_REPLY_NO = 13,
    OFX_REPLY_DEFAULT = 14,
};

/* Handles are the host's; each has a type of its own so that they are not mixed up. */
typedef struct ofx_properties_ *ofx_properties;
typedef struct ofx_effect_ *ofx_effect;
typedef struct ofx_clip_ *ofx_clip;
typedef struct ofx_memory_ *ofx_memory;
typedef struct ofx_param_ *ofx_param;
typedef struct ofx_params_ *ofx_params;

struct ofx_rect_i {
    int x1, y1, x2, y2;
};
struct ofx_rect_d {
    double x1, y1, x2, y2;
};

struct ofx_host {
    ofx_properties properties;
    const void *(*fetch_suite)(ofx_properties host, const char *name, int version);
};

struct ofx_plugin {
    const char *api;
    int api_version;
    const char *identifier;
    unsigned version_major, version_minor;
    void (*set_host)(struct ofx_host *host);
    ofx_status (*main_entry)(const char *action, const void *handle, ofx_properties in, ofx_properties out);
};

/* OfxPropertySuite 1 */
struct ofx_property_suite {
    ofx_status (*set_pointer)(ofx_properties set, const char *name, int index, void *value);
    ofx_status (*set_string)(ofx_properties set, const char *name, int index, const char *value);
    ofx_status (*set_double)(ofx_properties set, const char *name, int index, double value);
    ofx_status (*set_int)(ofx_properties set, const char *name, int index, int value);
    ofx_status (*set_pointers)(ofx_properties set, const char *name, int count, void *const *values);
    ofx_status (*set_strings)(ofx_properties set, const char *name, int count, const char *const *values);
    ofx_status (*set_doubles)(ofx_properties set, const char *name, int count, const double *values);
    ofx_status (*set_ints)(ofx_properties set, const char *name, int count, const int *values);
    ofx_status (*get_pointer)(ofx_properties set, const char *name, int index, void **value);
    ofx_status (*get_string)(ofx_properties set, const char *name, int index, char **value);
    ofx_status (*get_double)(ofx_properties set, const char *name, int index, double *value);
    ofx_status (*get_int)(ofx_properties set, const char *name, int index, int *value);
    ofx_status (*get_pointers)(ofx_properties set, const char *name, int count, void **values);
    ofx_status (*get_strings)(ofx_properties set, const char *name, int count, char **values);
    ofx_status (*get_doubles)(ofx_properties set, const char *name, int count, double *values);
    ofx_status (*get_ints)(ofx_properties set, const char *name, int count, int *values);
    ofx_status (*reset)(ofx_properties set, const char *name);
    ofx_status (*dimension)(ofx_properties set, const char *name, int *count);
};

/* OfxImageEffectSuite 1 */
struct ofx_effect_suite {
    ofx_status (*get_properties)(ofx_effect effect, ofx_properties *set);
    ofx_status (*get_params)(ofx_effect effect, ofx_params *set);
    ofx_status (*clip_define)(ofx_effect effect, const char *name, ofx_properties *set);
    ofx_status (*clip_handle)(ofx_effect effect, const char *name, ofx_clip *clip, ofx_properties *set);
    ofx_status (*clip_properties)(ofx_clip clip, ofx_properties *set);
    ofx_status (*clip_image)(ofx_clip clip, double time, const struct ofx_rect_d *region, ofx_properties *image);
    ofx_status (*clip_release)(ofx_properties image);
    ofx_status (*clip_definition)(ofx_clip clip, double time, struct ofx_rect_d *region);
    int (*abort)(ofx_effect effect);
    ofx_status (*memory_alloc)(ofx_effect effect, size_t bytes, ofx_memory *memory);
    ofx_status (*memory_free)(ofx_memory memory);
    ofx_status (*memory_lock)(ofx_memory memory, void **bytes);
    ofx_status (*memory_unlock)(ofx_memory memory);
};

/* OfxParameterSuite 1; values are passed as pointers (get) or by value (set), as many as the kind has. */
struct ofx_param_suite {
    ofx_status (*define)(ofx_params params, const char *type, const char *name, ofx_properties *set);
    ofx_status (*handle)(ofx_params params, const char *name, ofx_param *param, ofx_properties *set);
    ofx_status (*set_properties)(ofx_params params, ofx_properties *set);
    ofx_status (*properties)(ofx_param param, ofx_properties *set);
    ofx_status (*get_value)(ofx_param param, ...);
    ofx_status (*get_value_at)(ofx_param param, double time, ...);
    ofx_status (*get_derivative)(ofx_param param, double time, ...);
    ofx_status (*get_integral)(ofx_param param, double from, double to, ...);
    ofx_status (*set_value)(ofx_param param, ...);
    ofx_status (*set_value_at)(ofx_param param, double time, ...);
    /* Nothing behind this is used: keys, copying, undo blocks. */
};

/* OfxMessageSuite; version 1 ends after `message`. The format is that of printf: pass "%s". */
struct ofx_message_suite {
    ofx_status (*message)(void *effect, const char *type, const char *id, const char *format, ...);
    ofx_status (*set_persistent)(void *effect, const char *type, const char *id, const char *format, ...);
    ofx_status (*clear_persistent)(void *effect);
};

/* OfxProgressSuite; version 2 has one more argument at the start. */
struct ofx_progress_suite_1 {
    ofx_status (*start)(void *effect, const char *label);
    ofx_status (*update)(void *effect, double fraction);
    ofx_status (*end)(void *effect);
};
struct ofx_progress_suite_2 {
    ofx_status (*start)(void *effect, const char *message, const char *id);
    ofx_status (*update)(void *effect, double fraction);
    ofx_status (*end)(void *effect);
};

#endif
