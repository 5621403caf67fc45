/* Starting and ending a helper. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_state.h"
#include "host.h"
#include "log.h"
#include "parameters.h"
#include "platform.h"
#include "python.h"

enum {
    SILENCE_LIMIT_MS = 5000,
    LEAST_LIMIT_MS = 300, /* signs of life come every 200 */
    START_LIMIT_MS = 30000, /* imports from a cold disk */
    /* After a start that failed it is not tried again for as long as that took, at least and at most so long: a panel
     * full of clips is not slow as well, and a film that is rendered without colour comes to its end. */
    REST_LEAST_MS = 1000,
    REST_MOST_MS = 60000,
    SILENT_STARTS = 2, /* one may be an accident; what is silent again will be so the next time */
    STARTS_OVERDUE = 3, /* times the limit, if it shows life but is not up */
    SEND_LIMIT_MS = 1000,
    LAST_WORDS_MS = 100,
};

/* What is no whole number of milliseconds, or less than a helper that works can keep, does not count. */
static int milliseconds_from(const char *variable, int fallback)
{
    char text[16], *end = text;
    long value = kc_environment(variable, text, sizeof text) ? strtol(text, &end, 10) : 0;
    return *end == '\0' && value >= LEAST_LIMIT_MS && value <= 3600000 ? (int)value : fallback;
}

static void say_hello(struct kc_helper *helper)
{
    struct kc_writer *writer = &helper->writer;
    kc_writer_begin(writer);
    kc_put_u32(writer, KC_PROTOCOL_VERSION);
    kc_put_u64(writer, kc_table_hash);
    kc_put_text(writer, kc_host_string("OfxPropName", ""));
    kc_put_text(writer, kc_host_string("OfxPropLabel", ""));
    kc_put_text(writer, kc_host_string("OfxPropVersionLabel", ""));
    kc_put_u32(writer, kc_host_ignores_failure());
    /* A helper that is gone already is noticed when its answer is waited for. */
    kc_channel_say(&helper->channel, KC_SAY_HELLO, ++helper->serial, writer, SEND_LIMIT_MS);
}

enum kc_step kc_helper_unable(struct kc_helper *helper)
{
    helper->unable = true;
    helper->silent_starts = 0;
    int64_t now = kc_now_ms(), rest = now - helper->since_ms;
    rest = rest < REST_LEAST_MS ? REST_LEAST_MS : rest > REST_MOST_MS ? REST_MOST_MS : rest;
    helper->unable_until_ms = now + rest;
    kc_log("%s", helper->trouble);
    return KC_STEP_HOPELESS;
}

static enum kc_step launch(struct kc_helper *helper)
{
    static uint32_t generation;
    char python[KC_TEXT_LIMIT];
    kc_lock();
    uint32_t mine = ++generation;
    helper->gone_count = 0; /* a new one knows no instance */
    kc_unlock();
    if (!kc_python(python, sizeof python, helper->trouble, sizeof helper->trouble))
        return kc_helper_unable(helper);
    if (!kc_memory_open(&helper->memory, mine)) {
        snprintf(helper->trouble, sizeof helper->trouble, "there is no shared memory for the helper");
        return kc_helper_unable(helper);
    }
    helper->channel.generation = mine;
    if (!kc_process_start(&helper->process, python, &helper->memory, &helper->channel.pipe, helper->trouble,
                          sizeof helper->trouble)) {
        kc_memory_close(&helper->memory);
        return kc_helper_unable(helper);
    }
    helper->life = KC_STARTING;
    helper->owner = kc_process_id();
    helper->owed = 0;
    helper->started_ms = helper->heard_ms = helper->looked_ms = kc_now_ms();
    helper->silence_limit_ms = milliseconds_from("KINEMACOLOR_OFX_DEADLINE_MS", SILENCE_LIMIT_MS);
    helper->start_limit_ms = milliseconds_from("KINEMACOLOR_OFX_START_MS", START_LIMIT_MS);
    say_hello(helper);
    return KC_STEP_OK;
}

/* Welcome, or the reason why it cannot work. */
static enum kc_step greet(struct kc_helper *helper, struct kc_message *message)
{
    char text[KC_ANSWER_TEXT];
    if (message->type == KC_SAY_DONE) {
        kc_take_u32(&message->payload);
        kc_take_text(&message->payload, helper->trouble, sizeof helper->trouble);
        kc_helper_down(helper, 0);
        return kc_helper_unable(helper);
    }
    uint32_t version = kc_take_u32(&message->payload);
    uint64_t table = kc_take_u64(&message->payload);
    kc_take_text(&message->payload, text, sizeof text);
    if (version != KC_PROTOCOL_VERSION || table != kc_table_hash) {
        kc_helper_down(helper, 0);
        snprintf(helper->trouble, sizeof helper->trouble,
                 "the effect and its helper (kinemacolor %.60s) are of different versions; run: kinemacolor plugin install",
                 text);
        return kc_helper_unable(helper);
    }
    kc_log("helper %ld of kinemacolor %s is up after %d ms", (long)helper->process.id, text,
           (int)(kc_now_ms() - helper->started_ms));
    helper->life = KC_UP;
    helper->silent_starts = 0;
    helper->unable = false;
    return KC_STEP_OK;
}

static enum kc_step wait_for_welcome(struct kc_helper *helper, const struct kc_request *request)
{
    while (helper->life == KC_STARTING) {
        struct kc_message message;
        enum kc_step step = kc_helper_listen(helper, helper->start_limit_ms, &message);
        int64_t taken = kc_now_ms() - helper->started_ms;
        if (step == KC_STEP_LOST && taken > helper->start_limit_ms && ++helper->silent_starts == SILENT_STARTS)
            return kc_helper_unable(helper);
        if (step == KC_STEP_OK && (message.type == KC_SAY_WELCOME || message.type == KC_SAY_DONE))
            step = greet(helper, &message);
        if (step != KC_STEP_OK || helper->life != KC_STARTING)
            return step;
        /* It goes on starting meanwhile. */
        if (request->aborted(request->context))
            return KC_STEP_ABORTED;
        if (taken > STARTS_OVERDUE * (int64_t)helper->start_limit_ms)
            return kc_helper_lost(helper, "is not ready after a long time");
    }
    return KC_STEP_OK;
}

enum kc_step kc_helper_up(struct kc_helper *helper, const struct kc_request *request)
{
    if (helper->life != KC_DOWN && helper->owner != kc_process_id()) {
        /* The host has forked: the helper is the parent's. */
        kc_process_disown(&helper->process);
        kc_helper_down(helper, 0);
    }
    if (helper->life == KC_DOWN) {
        if (helper->unable && kc_now_ms() < helper->unable_until_ms)
            return KC_STEP_HOPELESS;
        enum kc_step step = launch(helper);
        if (step != KC_STEP_OK)
            return step;
    }
    return wait_for_welcome(helper, request);
}

void kc_helper_down(struct kc_helper *helper, int patience_ms)
{
    kc_channel_close(&helper->channel);
    kc_process_stop(&helper->process, patience_ms);
    kc_memory_close(&helper->memory);
    helper->life = KC_DOWN;
    helper->owed = 0;
}

enum kc_step kc_helper_lost(struct kc_helper *helper, const char *what)
{
    char how[64] = "";
    bool starting = helper->life == KC_STARTING;
    helper->lost_at_start = starting;
    /* Its end closes the channel a moment before it can be seen. */
    if (helper->process.id != 0 && !kc_process_ended(&helper->process, LAST_WORDS_MS, how, sizeof how))
        snprintf(how, sizeof how, "%s", what);
    snprintf(helper->trouble, sizeof helper->trouble, "the helper %s%s; the log says more",
             how[0] == '\0' ? what : how, starting ? " at its start" : "");
    kc_log("%s", helper->trouble);
    kc_helper_down(helper, 0);
    return KC_STEP_LOST;
}
