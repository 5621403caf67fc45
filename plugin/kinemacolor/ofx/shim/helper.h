/* The helper processes of this host process: asked by whoever renders, started and ended when it is needed. */
#ifndef KC_HELPER_H
#define KC_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

enum { KC_ANSWER_TEXT = 512 };

/* What is asked, and what the asker does when the helper needs something. Every call gets `context`. */
struct kc_request {
    enum kc_say type;
    struct kc_writer *payload;
    uint64_t picture_bytes; /* room for each picture; 0: none */
    bool brief;   /* the helper's deadline, twice, is the longest time from question to answer */
    int limit_ms; /* else this; 0: for ever, as long as the helper shows life */
    void (*fill)(void *context, uint8_t *slot);       /* puts the picture into the first slot, at every try */
    void (*take)(void *context, const uint8_t *slot); /* takes the finished one */
    bool (*aborted)(void *context);
    /* Puts the source picture of another time into the second slot; else `why` says why not. */
    bool (*fetch)(void *context, double time, uint8_t *slot, char *why, size_t room);
    bool (*progress)(void *context, double fraction); /* false: the user cancels */
    void *context;
};

struct kc_answer {
    enum kc_status status;
    char text[KC_ANSWER_TEXT];
};

enum kc_end {
    KC_END_DONE,    /* the helper's answer */
    KC_END_ABORTED, /* the host did not want it any more */
    KC_END_FAILED,  /* no helper could be brought to answer; the text says why */
};

/* Asks, and waits for the answer as long as the helper shows life. A helper that dies or hangs is replaced. */
enum kc_end kc_helper_ask(const struct kc_request *request, struct kc_answer *answer);
/* Tells the helpers that an instance is gone. Never waits. */
void kc_helper_forget(uint64_t instance);
/* Ends all of them. They start again when they are needed. */
void kc_helper_stop_all(void);

#endif
