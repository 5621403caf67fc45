/* One helper as pool.c, start.c and ask.c see it. */
#ifndef KC_HELPER_STATE_H
#define KC_HELPER_STATE_H

#include "channel.h"
#include "helper.h"
#include "memory.h"
#include "process.h"

enum {
    KC_HELPERS = 4,
    KC_GONE = 64,
    KC_SLICE_MS = 20,     /* how often the host is asked whether to stop */
    KC_ABORT_WAIT_MS = 250, /* for the end of a frame that is not wanted any more */
    KC_TRIES = 3,
};

enum kc_life { KC_DOWN, KC_STARTING, KC_UP };

struct kc_helper {
    /* Under the lock. */
    bool busy;
    long busy_in;               /* the process whose thread made it so: a fork of the host copies it */
    bool fetching;              /* waits for the host, which may render another effect of ours meanwhile */
    uint64_t gone[KC_GONE];     /* instances to tell it about */
    int gone_count;
    /* Whoever made it busy. */
    enum kc_life life;
    struct kc_process process;
    struct kc_channel channel;
    struct kc_memory memory;
    struct kc_writer writer;    /* for short messages */
    long owner;                 /* the process that started it */
    uint64_t serial;            /* of the last request */
    uint64_t owed;              /* of a request that was aborted and whose end has not come; 0: none */
    int64_t owed_since_ms;
    int64_t heard_ms;           /* when it last showed life */
    int64_t looked_ms;          /* when its channel was last looked at */
    int64_t started_ms;
    int64_t since_ms;           /* when the question that is open was taken up */
    int silence_limit_ms, start_limit_ms;
    bool lost_at_start;         /* it was lost before it was up */
    int silent_starts;          /* one after another */
    bool unable;                /* the last start failed for a reason that stays */
    int64_t unable_until_ms;    /* before that it is not tried again */
    char trouble[KC_ANSWER_TEXT];
};

enum kc_step {
    KC_STEP_OK,
    KC_STEP_ABORTED,
    KC_STEP_LOST,     /* the helper is gone: another try may work */
    KC_STEP_HOPELESS, /* another try would end the same */
};

/* ---- start.c ---- */

/* Brings it up, waiting as long as that takes. */
enum kc_step kc_helper_up(struct kc_helper *helper, const struct kc_request *request);
/* It cannot be started, as `trouble` says; the next moment it is not tried again. */
enum kc_step kc_helper_unable(struct kc_helper *helper);
/* Ends it; `patience_ms` to end by itself. */
void kc_helper_down(struct kc_helper *helper, int patience_ms);
/* Ends it because of something that it did, which `trouble` then says, together with how it ended. */
enum kc_step kc_helper_lost(struct kc_helper *helper, const char *what);

/* ---- ask.c ---- */

/* The next message, within one slice, or LOST. OK with a type of 0: nothing yet. */
enum kc_step kc_helper_listen(struct kc_helper *helper, int silence_limit_ms, struct kc_message *message);

/* ---- pool.c ---- */

/* A helper that nobody else uses; NULL: `step` says why. */
struct kc_helper *kc_pool_take(const struct kc_request *request, enum kc_step *step);
void kc_pool_give(struct kc_helper *helper);
void kc_pool_fetching(struct kc_helper *helper, bool fetching);

#endif
