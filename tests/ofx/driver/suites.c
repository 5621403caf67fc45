/* The parameters' values, messages, the progress bar; and the host that hands these suites out. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

/* ---- parameters ---- */

static ofx_status define(ofx_params params, const char *type, const char *name, ofx_properties *set)
{
    struct effect *effect = (struct effect *)params;
    require(effect->param_count < PARAMS && effect_param(effect, name) == NULL);
    struct param *param = calloc(1, sizeof *param);
    require(param != NULL);
    *param = (struct param){.type = strdup(type), .name = strdup(name)};
    effect->params[effect->param_count++] = param;
    *set = handle_of(&param->properties);
    return OFX_OK;
}

static ofx_status handle(ofx_params params, const char *name, ofx_param *param, ofx_properties *set)
{
    struct param *found = effect_param((struct effect *)params, name);
    *param = (ofx_param)found;
    if (found != NULL && set != NULL)
        *set = handle_of(&found->properties);
    return found == NULL ? OFX_FAILED : OFX_OK;
}

static bool is(const struct param *param, const char *type)
{
    return strcmp(param->type, type) == 0;
}

static int numbers_in(const struct param *param)
{
    return is(param, "OfxParamTypeDouble") ? 1 : is(param, "OfxParamTypeDouble2D") ? 2 : is(param, "OfxParamTypeRGB") ? 3 : 0;
}

/* The default, or what was set; the text is the host's own and valid until it is set again. */
static ofx_status get_value_at(ofx_param handle, double time, ...)
{
    struct param *param = (struct param *)handle;
    const struct entry *initial = entry_of(&param->properties, "OfxParamPropDefault");
    require(initial != NULL);
    va_list to;
    va_start(to, time);
    if (is(param, "OfxParamTypeString"))
        *va_arg(to, char **) = param->text != NULL ? param->text : initial->values[0].text;
    else if (numbers_in(param) == 0)
        *va_arg(to, int *) = param->is_set ? param->whole : initial->values[0].whole;
    for (int index = 0; index < numbers_in(param); index++)
        *va_arg(to, double *) = initial->values[index].number;
    va_end(to);
    return OFX_OK;
}

static ofx_status set_value(ofx_param handle, ...)
{
    struct param *param = (struct param *)handle;
    va_list from;
    va_start(from, handle);
    if (is(param, "OfxParamTypeString")) {
        free(param->text);
        param->text = strdup(va_arg(from, const char *));
    } else {
        require(numbers_in(param) == 0);
        param->whole = va_arg(from, int);
        param->is_set = true;
    }
    va_end(from);
    return OFX_OK;
}

const struct ofx_param_suite param_suite = {
    .define = define,
    .handle = handle,
    .get_value_at = get_value_at,
    .set_value = set_value,
};

/* ---- messages and progress ---- */

static ofx_status set_persistent(void *handle, const char *type, const char *id, const char *format, ...)
{
    struct effect *effect = handle;
    va_list arguments;
    require(type != NULL && id != NULL);
    va_start(arguments, format);
    vsnprintf(effect->message, sizeof effect->message, format, arguments);
    va_end(arguments);
    return OFX_OK;
}

static ofx_status clear_persistent(void *handle)
{
    ((struct effect *)handle)->message[0] = '\0';
    return OFX_OK;
}

static const struct ofx_message_suite message_suite = {
    .set_persistent = set_persistent,
    .clear_persistent = clear_persistent,
};

static ofx_status progress_start(void *handle, const char *message, const char *id)
{
    require(message != NULL && id != NULL);
    ((struct effect *)handle)->progress_open++;
    return OFX_OK;
}

static ofx_status progress_update(void *handle, double fraction)
{
    require(((struct effect *)handle)->progress_open == 1 && fraction >= 0.0 && fraction <= 1.0);
    return OFX_OK;
}

static ofx_status progress_end(void *handle)
{
    ((struct effect *)handle)->progress_open--;
    return OFX_OK;
}

static const struct ofx_progress_suite_2 progress_suite = {progress_start, progress_update, progress_end};

/* ---- the host ---- */

static const void *fetch_suite(ofx_properties properties, const char *name, int version)
{
    static const struct {
        const char *name;
        int version;
        const void *suite;
    } suites[] = {
        {"OfxPropertySuite", 1, &property_suite}, {"OfxImageEffectSuite", 1, &effect_suite},
        {"OfxParameterSuite", 1, &param_suite},   {"OfxMessageSuite", 2, &message_suite},
        {"OfxProgressSuite", 2, &progress_suite},
    };
    (void)properties;
    for (size_t place = 0; place < sizeof suites / sizeof *suites; place++) {
        if (suites[place].version == version && strcmp(suites[place].name, name) == 0)
            return suites[place].suite;
    }
    return NULL;
}

static struct {
    struct set properties;
    struct ofx_host host;
} hosts[4];
static int host_count;

struct ofx_host *host_named(const char *name)
{
    for (int place = 0; place < host_count; place++) {
        if (strcmp(text_of(&hosts[place].properties, "OfxPropName", ""), name) == 0)
            return &hosts[place].host;
    }
    require(host_count < 4);
    struct set *properties = &hosts[host_count].properties;
    set_text(properties, "OfxPropName", 0, name);
    set_text(properties, "OfxPropLabel", 0, "a host for tests");
    set_text(properties, "OfxPropVersionLabel", 0, "1.0");
    set_whole(properties, "OfxImageEffectPropTemporalClipAccess", 0, 1);
    hosts[host_count].host = (struct ofx_host){handle_of(properties), fetch_suite};
    return &hosts[host_count++].host;
}

void hosts_free(void)
{
    for (int place = 0; place < host_count; place++)
        set_free(&hosts[place].properties);
}
