/* One question to a helper, until it is answered, not wanted any more, or hopeless. */
#include <stdio.h>

#include "helper_state.h"
#include "log.h"
#include "platform.h"

enum { STOPPED_MS = 1000, SEND_LIMIT_MS = 1000 };

/* ---- listening ---- */

/* Whether it has been silent for too long. Bytes that came while we slept are looked at first. */
static bool too_silent(struct kc_helper *helper, int64_t before_ms, int limit_ms)
{
    int64_t now = kc_now_ms();
    if (now - before_ms > KC_SLICE_MS + STOPPED_MS) {
        /* The host itself stood still (suspended, stopped), and the helper with it perhaps: it gets its time again. */
        helper->heard_ms = now;
    }
    return now - helper->heard_ms > limit_ms;
}

enum kc_step kc_helper_listen(struct kc_helper *helper, int silence_limit_ms, struct kc_message *message)
{
    /* Not the time now: the host may have stood still since, in its answer to whether the frame is still wanted. */
    int64_t before = helper->looked_ms;
    message->type = 0;
    enum kc_got got = kc_channel_next(&helper->channel, KC_SLICE_MS, message);
    helper->looked_ms = kc_now_ms();
    if (got == KC_GOT_NOTHING && too_silent(helper, before, silence_limit_ms)) {
        got = kc_channel_next(&helper->channel, 0, message);
        if (got == KC_GOT_NOTHING)
            return kc_helper_lost(helper, "did not answer");
    }
    if (got == KC_GOT_CLOSED)
        return kc_helper_lost(helper, "ended");
    if (got == KC_GOT_GARBAGE)
        return kc_helper_lost(helper, "said something that makes no sense");
    if (got != KC_GOT_NOTHING)
        helper->heard_ms = kc_now_ms();
    return KC_STEP_OK;
}

/* ---- the end of a question that is not wanted any more ---- */

static void note_owed(struct kc_helper *helper, const struct kc_message *message)
{
    if (message->type == KC_SAY_DONE && message->serial == helper->owed)
        helper->owed = 0;
}

/* Tells the helper, and gives it a moment. What does not come now is waited for before the next question. */
static enum kc_step give_up(struct kc_helper *helper)
{
    int64_t until = kc_now_ms() + KC_ABORT_WAIT_MS;
    helper->owed = helper->serial;
    helper->owed_since_ms = kc_now_ms();
    kc_writer_begin(&helper->writer);
    kc_channel_say(&helper->channel, KC_SAY_ABORT, helper->serial, &helper->writer, KC_ABORT_WAIT_MS);
    while (helper->owed != 0 && kc_now_ms() < until) {
        struct kc_message message;
        if (kc_helper_listen(helper, helper->silence_limit_ms, &message) != KC_STEP_OK)
            break;
        note_owed(helper, &message);
    }
    return KC_STEP_ABORTED;
}

/* Waits until the helper has let go of the picture of a question that was aborted. */
static enum kc_step settle(struct kc_helper *helper, const struct kc_request *request)
{
    while (helper->owed != 0) {
        struct kc_message message;
        enum kc_step step = kc_helper_listen(helper, helper->silence_limit_ms, &message);
        if (step != KC_STEP_OK)
            return step;
        note_owed(helper, &message);
        if (helper->owed != 0 && request->aborted(request->context))
            return KC_STEP_ABORTED;
        /* Signs of life do not help here: it has been told to stop. */
        if (helper->owed != 0 && kc_now_ms() - helper->owed_since_ms > 2 * (int64_t)helper->silence_limit_ms)
            return kc_helper_lost(helper, "did not stop a frame that was not wanted any more");
    }
    return KC_STEP_OK;
}

/* ---- a question ---- */

static void tell_gone(struct kc_helper *helper)
{
    uint64_t gone[KC_GONE];
    kc_lock();
    int count = helper->gone_count;
    for (int index = 0; index < count; index++)
        gone[index] = helper->gone[index];
    helper->gone_count = 0;
    kc_unlock();
    for (int index = 0; index < count; index++) {
        kc_writer_begin(&helper->writer);
        kc_put_u64(&helper->writer, gone[index]);
        kc_channel_say(&helper->channel, KC_SAY_GONE, 0, &helper->writer, SEND_LIMIT_MS);
    }
}

static enum kc_step put(struct kc_helper *helper, const struct kc_request *request)
{
    if (request->picture_bytes > 0) {
        if (!kc_memory_fit(&helper->memory, request->picture_bytes, 1)) {
            snprintf(helper->trouble, sizeof helper->trouble, "there is not enough shared memory for a picture of %llu MB",
                     (unsigned long long)((request->picture_bytes + 999999) / 1000000));
            return KC_STEP_HOPELESS;
        }
        request->fill(request->context, kc_memory_slot(&helper->memory, 0));
    }
    tell_gone(helper);
    helper->heard_ms = helper->looked_ms = kc_now_ms();
    if (!kc_channel_say(&helper->channel, request->type, ++helper->serial, request->payload,
                        helper->silence_limit_ms))
        return kc_helper_lost(helper, "takes no more messages");
    return KC_STEP_OK;
}

static enum kc_step fetch(struct kc_helper *helper, const struct kc_request *request, struct kc_message *message)
{
    char why[KC_ANSWER_TEXT] = "the host gives no other frames";
    double time = kc_take_f64(&message->payload);
    bool present = false;
    /* Room for the second picture is made when the first one is asked for: most frames need none. */
    if (request->fetch != NULL && !kc_memory_fit(&helper->memory, request->picture_bytes, 2)) {
        snprintf(why, sizeof why, "there is not enough shared memory for a second picture");
    } else if (request->fetch != NULL) {
        kc_pool_fetching(helper, true);
        present = request->fetch(request->context, time, kc_memory_slot(&helper->memory, 1), why, sizeof why);
        kc_pool_fetching(helper, false);
    }
    kc_writer_begin(&helper->writer);
    kc_put_u32(&helper->writer, present);
    kc_put_text(&helper->writer, present ? "" : why);
    helper->heard_ms = helper->looked_ms = kc_now_ms();
    if (!kc_channel_say(&helper->channel, KC_SAY_FETCHED, helper->serial, &helper->writer, SEND_LIMIT_MS))
        return kc_helper_lost(helper, "takes no more messages");
    return KC_STEP_OK;
}

static bool goes_on(const struct kc_request *request, struct kc_message *message)
{
    double fraction = kc_take_f64(&message->payload);
    return request->progress == NULL || request->progress(request->context, fraction);
}

/* One message of the question that is open. Sets `*done` with the answer. */
static enum kc_step hear(struct kc_helper *helper, const struct kc_request *request, struct kc_message *message,
                         struct kc_answer *answer, bool *done)
{
    if (message->serial != helper->serial)
        return KC_STEP_OK;
    switch (message->type) {
    case KC_SAY_FETCH:
        return fetch(helper, request, message);
    case KC_SAY_PROGRESS:
        return goes_on(request, message) ? KC_STEP_OK : give_up(helper);
    case KC_SAY_DONE:
        answer->status = (enum kc_status)kc_take_u32(&message->payload);
        kc_take_text(&message->payload, answer->text, sizeof answer->text);
        if (!kc_reader_ended(&message->payload) || answer->status > KC_STATUS_ABORTED)
            return kc_helper_lost(helper, "said something that makes no sense");
        *done = true;
        return KC_STEP_OK;
    default:
        return KC_STEP_OK;
    }
}

static enum kc_step wait_for_answer(struct kc_helper *helper, const struct kc_request *request,
                                    struct kc_answer *answer)
{
    int64_t since = kc_now_ms();
    int64_t limit = request->brief ? 2 * (int64_t)helper->silence_limit_ms : request->limit_ms;
    for (bool done = false; !done;) {
        struct kc_message message;
        enum kc_step step = kc_helper_listen(helper, helper->silence_limit_ms, &message);
        if (step == KC_STEP_OK && message.type != 0)
            step = hear(helper, request, &message, answer, &done);
        if (step != KC_STEP_OK)
            return step;
        if (!done && request->aborted(request->context))
            return give_up(helper);
        if (!done && limit > 0 && kc_now_ms() - since > limit) {
            give_up(helper);
            snprintf(helper->trouble, sizeof helper->trouble, "the helper comes to no end, though it works");
            return KC_STEP_HOPELESS;
        }
    }
    return KC_STEP_OK;
}

static enum kc_step try_once(struct kc_helper *helper, const struct kc_request *request, struct kc_answer *answer)
{
    enum kc_step step = kc_helper_up(helper, request);
    if (step == KC_STEP_OK)
        step = settle(helper, request);
    if (step == KC_STEP_OK)
        step = put(helper, request);
    if (step == KC_STEP_OK)
        step = wait_for_answer(helper, request, answer);
    if (step == KC_STEP_OK && answer->status <= KC_STATUS_PROVISIONAL && request->picture_bytes > 0)
        request->take(request->context, kc_memory_slot(&helper->memory, 0));
    return step;
}

enum kc_end kc_helper_ask(const struct kc_request *request, struct kc_answer *answer)
{
    enum kc_step step = KC_STEP_LOST;
    struct kc_helper *helper = kc_pool_take(request, &step);
    if (helper == NULL) {
        snprintf(answer->text, sizeof answer->text, "%s", step == KC_STEP_HOPELESS
                 ? "too many effects of one chain ask for each other's pictures"
                 : "the helper is busy with another frame and does not come to an end");
        return step == KC_STEP_ABORTED ? KC_END_ABORTED : KC_END_FAILED;
    }
    helper->since_ms = kc_now_ms();
    for (int tries = 0; tries < KC_TRIES && step == KC_STEP_LOST; tries++)
        step = try_once(helper, request, answer);
    if (step == KC_STEP_LOST) {
        snprintf(answer->text, sizeof answer->text, "%.400s (%d times over)", helper->trouble, KC_TRIES);
        if (helper->lost_at_start)
            kc_helper_unable(helper);
    }
    if (step == KC_STEP_HOPELESS)
        snprintf(answer->text, sizeof answer->text, "%s", helper->trouble);
    kc_pool_give(helper);
    if (step == KC_STEP_OK)
        return KC_END_DONE;
    return step == KC_STEP_ABORTED ? KC_END_ABORTED : KC_END_FAILED;
}
