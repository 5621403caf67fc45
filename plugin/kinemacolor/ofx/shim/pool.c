/* Which helper answers. One does nearly everything: a second is needed only while the first waits for a picture from the
 * host and the host renders another effect of ours to make that picture. */
#include "helper_state.h"

#include "log.h"
#include "platform.h"

enum { BUSY_LIMIT_MS = 600000, STOP_PATIENCE_MS = 500 };

static struct kc_helper helpers[KC_HELPERS] = {
    {.channel.pipe.handle = -1, .memory.handle = -1},
    {.channel.pipe.handle = -1, .memory.handle = -1},
    {.channel.pipe.handle = -1, .memory.handle = -1},
    {.channel.pipe.handle = -1, .memory.handle = -1},
};

/* Whether a thread of this process uses it: those of a process that forked into this one are not here. */
static bool is_busy(const struct kc_helper *helper)
{
    return helper->busy && helper->busy_in == kc_process_id();
}

/* With the lock held: the first that is free, as long as all before it wait for the host. `*chained`: all do. */
static struct kc_helper *choose(bool *chained)
{
    *chained = false;
    for (int index = 0; index < KC_HELPERS; index++) {
        if (!is_busy(&helpers[index]))
            return &helpers[index];
        if (!helpers[index].fetching)
            return NULL;
    }
    *chained = true;
    return NULL;
}

struct kc_helper *kc_pool_take(const struct kc_request *request, enum kc_step *step)
{
    int64_t since = kc_now_ms();
    bool chained;
    kc_lock();
    struct kc_helper *helper = choose(&chained);
    while (helper == NULL && kc_now_ms() - since < BUSY_LIMIT_MS) {
        /* All may wait for this very frame: then none of them would ever get free. */
        if (chained && kc_now_ms() - since > 2 * (int64_t)helpers[0].silence_limit_ms) {
            *step = KC_STEP_HOPELESS;
            break;
        }
        kc_wait(KC_SLICE_MS);
        kc_unlock();
        bool aborted = request->aborted(request->context);
        kc_lock();
        if (aborted) {
            *step = KC_STEP_ABORTED;
            break;
        }
        helper = choose(&chained);
    }
    if (helper != NULL) {
        helper->busy = true;
        helper->busy_in = kc_process_id();
        helper->fetching = false;
    }
    kc_unlock();
    return helper;
}

void kc_pool_give(struct kc_helper *helper)
{
    kc_lock();
    helper->busy = false;
    helper->fetching = false;
    kc_wake();
    kc_unlock();
}

void kc_pool_fetching(struct kc_helper *helper, bool fetching)
{
    kc_lock();
    helper->fetching = fetching;
    kc_wake();
    kc_unlock();
}

void kc_helper_forget(uint64_t instance)
{
    kc_lock();
    for (int index = 0; index < KC_HELPERS; index++) {
        struct kc_helper *helper = &helpers[index];
        /* More than these the helper forgets by itself: what it keeps is bounded. */
        if (helper->gone_count < KC_GONE)
            helper->gone[helper->gone_count++] = instance;
    }
    kc_unlock();
}

void kc_helper_stop_all(void)
{
    for (int index = 0; index < KC_HELPERS; index++) {
        struct kc_helper *helper = &helpers[index];
        kc_lock();
        bool free_now = !is_busy(helper);
        helper->busy = true;
        helper->busy_in = kc_process_id();
        kc_unlock();
        if (!free_now) {
            kc_log("the host unloads the effect while it renders; that helper ends with it");
            continue;
        }
        if (helper->life != KC_DOWN && helper->owner != kc_process_id())
            kc_process_disown(&helper->process);
        kc_helper_down(helper, STOP_PATIENCE_MS);
        kc_pool_give(helper);
    }
}
