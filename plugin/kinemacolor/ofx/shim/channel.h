/* Messages to and from one helper. */
#ifndef KC_CHANNEL_H
#define KC_CHANNEL_H

#include "bytes.h"
#include "pipe.h"

struct kc_channel {
    struct kc_pipe pipe;
    uint32_t generation;
    size_t filled, taken; /* bytes that have come, and how many of them the last message was */
    uint8_t bytes[KC_HEADER_BYTES + KC_MAX_PAYLOAD_BYTES];
};

struct kc_message {
    uint32_t type;
    uint64_t serial;
    struct kc_reader payload; /* valid until the next message is asked for */
};

enum kc_got {
    KC_GOT_MESSAGE,
    KC_GOT_BYTES, /* a part of a message: a sign of life */
    KC_GOT_NOTHING,
    KC_GOT_CLOSED,
    KC_GOT_GARBAGE,
};

/* Sends what was written; false: the helper is gone or takes nothing for that long. */
bool kc_channel_say(struct kc_channel *channel, enum kc_say type, uint64_t serial, struct kc_writer *writer,
                    int milliseconds);
enum kc_got kc_channel_next(struct kc_channel *channel, int milliseconds, struct kc_message *message);
void kc_channel_close(struct kc_channel *channel);

#endif
