/* The host: its suites, what it says about itself, and its properties read and written so that anything may be missing. */
#ifndef KC_HOST_H
#define KC_HOST_H

#include <stdbool.h>

#include "abi.h"

struct kc_host {
    const struct ofx_host *host;
    const struct ofx_property_suite *property;
    const struct ofx_effect_suite *effect;
    const struct ofx_param_suite *param;
    const struct ofx_message_suite *message; /* NULL: the host has none */
    bool message_persists;                   /* version 2 */
    const struct ofx_progress_suite_1 *progress_1;
    const struct ofx_progress_suite_2 *progress_2;
};

extern struct kc_host kc_host;

/* Keeps the pointer and does nothing else: hosts call this while they scan. */
void kc_host_set(const struct ofx_host *host);
/* Fetches the suites that are not there yet. False: the host lacks one without which nothing works. */
bool kc_host_ready(void);
/* They are fetched again when they are needed next. */
void kc_host_forget(void);
/* Whether this host takes a failed render for success: it passes the picture through and says nothing. */
bool kc_host_ignores_failure(void);
/* A property of the host itself; `fallback` if it has none. Valid until the host changes it. */
const char *kc_host_string(const char *name, const char *fallback);
int kc_host_int(const char *name, int index, int fallback);

/* Properties that the host does not know are as if they had never been set. */
void kc_set_string(ofx_properties set, const char *name, int index, const char *value);
void kc_set_int(ofx_properties set, const char *name, int index, int value);
void kc_set_double(ofx_properties set, const char *name, int index, double value);
int kc_int_or(ofx_properties set, const char *name, int index, int fallback);
double kc_double_or(ofx_properties set, const char *name, int index, double fallback);
/* Never NULL unless `fallback` is. */
const char *kc_string_or(ofx_properties set, const char *name, int index, const char *fallback);
void *kc_pointer_or_null(ofx_properties set, const char *name);
/* Four ints; false if one is missing. */
bool kc_rect(ofx_properties set, const char *name, struct ofx_rect_i *rect);

#endif
