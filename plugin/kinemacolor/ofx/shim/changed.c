#include "changed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clip.h"
#include "helper.h"
#include "host.h"
#include "instance.h"
#include "log.h"
#include "values.h"

struct workspace {
    struct kc_values values;
    struct kc_writer payload;
};

void kc_show_status(ofx_effect effect)
{
    char text[KC_ANSWER_TEXT];
    if (kc_instance_take_status(effect, text, sizeof text))
        kc_set_text_value(effect, KC_AT_STATUS, text);
}

/* ---- the host's progress bar ---- */

static void progress_start(ofx_effect effect)
{
    static const char label[] = "Kinemacolor: analysing the media file";
    if (kc_host.progress_2 != NULL)
        kc_host.progress_2->start((void *)effect, label, "kinemacolor");
    else if (kc_host.progress_1 != NULL)
        kc_host.progress_1->start((void *)effect, label);
}

static void progress_end(ofx_effect effect)
{
    if (kc_host.progress_2 != NULL)
        kc_host.progress_2->end((void *)effect);
    else if (kc_host.progress_1 != NULL)
        kc_host.progress_1->end((void *)effect);
}

static bool progress(void *context, double fraction)
{
    ofx_status status = OFX_OK;
    if (!(fraction >= 0.0))
        fraction = 0.0;
    if (fraction > 1.0)
        fraction = 1.0;
    if (kc_host.progress_2 != NULL)
        status = kc_host.progress_2->update(context, fraction);
    else if (kc_host.progress_1 != NULL)
        status = kc_host.progress_1->update(context, fraction);
    return status != OFX_REPLY_NO;
}

static bool aborted(void *context)
{
    return kc_host.effect->abort(context) != 0;
}

/* ---- asking ---- */

static void write_payload(ofx_effect effect, double time, enum kc_say type, const char *name, struct workspace *work)
{
    struct kc_writer *writer = &work->payload;
    kc_writer_begin(writer);
    kc_put_u64(writer, kc_instance_id(effect));
    kc_put_f64(writer, time);
    if (type == KC_SAY_CHANGED)
        kc_put_text(writer, name);
    kc_clip_put_facts(effect, NULL, writer);
    kc_values_put(&work->values, writer);
}

static void tell(ofx_effect effect, enum kc_end end, const struct kc_answer *answer)
{
    if (end == KC_END_ABORTED)
        return;
    bool failed = end == KC_END_FAILED || answer->status == KC_STATUS_FAILED;
    if (failed)
        kc_log("%s", answer->text);
    kc_instance_complain(effect, failed ? answer->text : NULL);
    kc_set_text_value(effect, KC_AT_STATUS, answer->text);
}

static void ask(ofx_effect effect, double time, enum kc_say type, const char *name, struct workspace *work)
{
    struct kc_answer answer = {.status = KC_STATUS_FAILED};
    const char *too_long = kc_values_read(effect, time, &work->values);
    if (too_long != NULL) {
        snprintf(answer.text, sizeof answer.text, "the text of '%s' is too long", too_long);
        tell(effect, KC_END_DONE, &answer);
        return;
    }
    write_payload(effect, time, type, name, work);
    if (work->payload.full) {
        snprintf(answer.text, sizeof answer.text, "the parameters are longer than a message can be");
        tell(effect, KC_END_DONE, &answer);
        return;
    }
    bool analyses = type == KC_SAY_ANALYSE;
    const struct kc_request request = {
        .type = type,
        .payload = &work->payload,
        .brief = !analyses, /* a panel must not stand still for long */
        .aborted = aborted,
        .progress = analyses ? progress : NULL,
        .context = effect,
    };
    if (analyses)
        progress_start(effect);
    enum kc_end end = kc_helper_ask(&request, &answer);
    if (analyses)
        progress_end(effect);
    tell(effect, end, &answer);
}

static ofx_status ask_with_room(ofx_effect effect, double time, enum kc_say type, const char *name)
{
    struct workspace *work = malloc(sizeof *work);
    if (work == NULL)
        return OFX_ERR_MEMORY;
    ask(effect, time, type, name, work);
    free(work);
    return OFX_OK;
}

/* ---- what changed ---- */

static int place_of(const char *name)
{
    for (int place = 0; place < KC_PARAMETERS; place++) {
        if (strcmp(kc_parameters[place].name, name) == 0)
            return place;
    }
    return -1;
}

/* Whether the box that stands for the button has just been ticked; it is taken off again. */
static bool ticked(ofx_effect effect, double time)
{
    struct kc_values *values = malloc(sizeof *values);
    if (values == NULL)
        return false;
    kc_values_read(effect, time, values);
    bool on = values->of[KC_AT_ANALYSENOW].whole != 0;
    free(values);
    if (on)
        kc_set_whole_value(effect, KC_AT_ANALYSENOW, 0);
    return on;
}

/* A hint that is switched on is about the frame that is seen, if nobody has said another one. */
static void place_hint(ofx_effect effect, double time, int place)
{
    static const int places[][2] = {
        {KC_AT_HINT1ON, KC_AT_HINT1FRAME},
        {KC_AT_HINT2ON, KC_AT_HINT2FRAME},
        {KC_AT_HINT3ON, KC_AT_HINT3FRAME},
        {KC_AT_HINT4ON, KC_AT_HINT4FRAME},
    };
    size_t hint = 0;
    while (hint < sizeof places / sizeof places[0] && places[hint][0] != place)
        hint++;
    if (hint == sizeof places / sizeof places[0] || !(time >= 0.0 && time < 2147483647.0))
        return;
    struct kc_values *values = malloc(sizeof *values);
    if (values == NULL)
        return; /* the helper says that the frame is missing */
    kc_values_read(effect, time, values);
    if (values->of[place].whole != 0 && values->of[places[hint][1]].whole < 0)
        kc_set_whole_value(effect, places[hint][1], (int)(time + 0.5));
    free(values);
}

static ofx_status changed_parameter(ofx_effect effect, double time, int place)
{
    if (place == KC_AT_ANALYSE || (place == KC_AT_ANALYSENOW && ticked(effect, time)))
        return ask_with_room(effect, time, KC_SAY_ANALYSE, "");
    if (kc_parameters[place].cheap)
        return OFX_REPLY_DEFAULT;
    place_hint(effect, time, place);
    return ask_with_room(effect, time, KC_SAY_CHANGED, kc_parameters[place].name);
}

ofx_status kc_changed(ofx_effect effect, ofx_properties in)
{
    char name[64];
    /* Only what a user did: not time going by, and not what we set ourselves. */
    if (strcmp(kc_string_or(in, "OfxPropChangeReason", 0, ""), "OfxChangeUserEdited") != 0)
        return OFX_REPLY_DEFAULT;
    kc_show_status(effect);
    if (strcmp(kc_string_or(in, "OfxPropType", 0, ""), "OfxTypeParameter") != 0)
        return OFX_REPLY_DEFAULT;
    snprintf(name, sizeof name, "%s", kc_string_or(in, "OfxPropName", 0, ""));
    int place = place_of(name);
    return place < 0 ? OFX_REPLY_DEFAULT : changed_parameter(effect, kc_double_or(in, "OfxPropTime", 0, 0.0), place);
}
