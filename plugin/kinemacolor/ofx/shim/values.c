#include "values.h"

#include <math.h>
#include <string.h>

#include "host.h"

enum { OUTPUT_COLOUR = 0, ON_ERROR_PICTURE = 0 };

static ofx_param find(ofx_params params, int place)
{
    ofx_param param = NULL;
    if (params == NULL || kc_host.param->handle(params, kc_parameters[place].name, &param, NULL) != OFX_OK)
        return NULL;
    return param;
}

static ofx_params params_of(ofx_effect effect)
{
    ofx_params params = NULL;
    return kc_host.effect->get_params(effect, &params) == OFX_OK ? params : NULL;
}

/* ---- reading ---- */

static void set_default(struct kc_values *values, int place)
{
    const struct kc_parameter *parameter = &kc_parameters[place];
    values->of[place].whole = (int)parameter->defaults[0];
    memcpy(values->of[place].numbers, parameter->defaults, sizeof parameter->defaults);
    values->of[place].text = "";
}

static void read_whole(ofx_param param, double time, struct kc_values *values, int place)
{
    int whole = values->of[place].whole;
    if (kc_host.param->get_value_at(param, time, &whole) == OFX_OK)
        values->of[place].whole = whole;
}

static void read_numbers(ofx_param param, double time, struct kc_values *values, int place, int count)
{
    double *to = values->of[place].numbers;
    double read[3] = {to[0], to[1], to[2]};
    ofx_status status = OFX_FAILED;
    if (count == 1)
        status = kc_host.param->get_value_at(param, time, &read[0]);
    else if (count == 2)
        status = kc_host.param->get_value_at(param, time, &read[0], &read[1]);
    else
        status = kc_host.param->get_value_at(param, time, &read[0], &read[1], &read[2]);
    if (status == OFX_OK && isfinite(read[0]) && isfinite(read[1]) && isfinite(read[2]))
        memcpy(to, read, sizeof read);
}

static bool read_text(ofx_param param, double time, struct kc_values *values, int place)
{
    char *text = NULL;
    if (kc_host.param->get_value_at(param, time, &text) != OFX_OK || text == NULL)
        return true;
    size_t length = strlen(text) + 1;
    if (length > KC_TEXT_LIMIT || length > KC_VALUES_TEXT - values->text_used)
        return false;
    values->of[place].text = memcpy(values->texts + values->text_used, text, length);
    values->text_used += length;
    return true;
}

static bool read_value(ofx_params params, double time, struct kc_values *values, int place)
{
    set_default(values, place);
    enum kc_kind kind = kc_parameters[place].kind;
    ofx_param param = kind == KC_BUTTON || kind == KC_GROUP ? NULL : find(params, place);
    if (param == NULL) {
        if (place == KC_AT_ONERROR && kc_host_ignores_failure())
            values->of[place].whole = ON_ERROR_PICTURE;
        return true;
    }
    switch (kind) {
    case KC_DOUBLE:
        read_numbers(param, time, values, place, 1);
        return true;
    case KC_POINT:
        read_numbers(param, time, values, place, 2);
        return true;
    case KC_COLOUR:
        read_numbers(param, time, values, place, 3);
        return true;
    case KC_TEXT:
    case KC_FILE:
        return read_text(param, time, values, place);
    case KC_LABEL: /* The effect's own words are not read back. */
        return true;
    default:
        read_whole(param, time, values, place);
        return true;
    }
}

const char *kc_values_read(ofx_effect effect, double time, struct kc_values *values)
{
    ofx_params params = params_of(effect);
    values->text_used = 0;
    const char *too_long = NULL;
    for (int place = 0; place < KC_PARAMETERS; place++) {
        if (!read_value(params, time, values, place))
            too_long = kc_parameters[place].label;
    }
    return too_long;
}

/* ---- using ---- */

void kc_values_put(const struct kc_values *values, struct kc_writer *writer)
{
    for (int place = 0; place < KC_PARAMETERS; place++) {
        enum kc_kind kind = kc_parameters[place].kind;
        int count = kind == KC_DOUBLE ? 1 : kind == KC_POINT ? 2 : kind == KC_COLOUR ? 3 : 0;
        if (kind == KC_BUTTON || kind == KC_GROUP)
            continue;
        if (kind == KC_TEXT || kind == KC_FILE || kind == KC_LABEL)
            kc_put_text(writer, values->of[place].text);
        else if (count == 0)
            kc_put_i32(writer, values->of[place].whole);
        for (int index = 0; index < count; index++)
            kc_put_f64(writer, values->of[place].numbers[index]);
    }
}

bool kc_values_change_nothing(const struct kc_values *values)
{
    if (values->of[KC_AT_ANALYSENOW].whole != 0)
        return false;
    return values->of[KC_AT_MIX].numbers[0] <= 0.0 ||
           (values->of[KC_AT_OUTPUT].whole == OUTPUT_COLOUR && values->of[KC_AT_AMOUNT].numbers[0] <= 0.0);
}

bool kc_values_error_is_picture(const struct kc_values *values)
{
    return kc_host_ignores_failure() || values->of[KC_AT_ONERROR].whole == ON_ERROR_PICTURE;
}

/* ---- setting ---- */

void kc_set_text_value(ofx_effect effect, int place, const char *text)
{
    ofx_param param = find(params_of(effect), place);
    if (param != NULL)
        kc_host.param->set_value(param, text);
}

void kc_set_whole_value(ofx_effect effect, int place, int value)
{
    ofx_param param = find(params_of(effect), place);
    if (param != NULL)
        kc_host.param->set_value(param, value);
}
