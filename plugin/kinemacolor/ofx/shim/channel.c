#include "channel.h"

#include <string.h>

/* The header, as the wire has it: no padding on any system we build for. */
struct header {
    uint32_t magic, type, length, generation;
    uint64_t serial;
};
_Static_assert(sizeof(struct header) == KC_HEADER_BYTES, "the header has no padding");

bool kc_channel_say(struct kc_channel *channel, enum kc_say type, uint64_t serial, struct kc_writer *writer,
                    int milliseconds)
{
    struct header header = {
        .magic = KC_MAGIC,
        .type = type,
        .length = (uint32_t)writer->used,
        .generation = channel->generation,
        .serial = serial,
    };
    memcpy(writer->bytes, &header, sizeof header);
    return kc_pipe_send(&channel->pipe, writer->bytes, KC_HEADER_BYTES + writer->used, milliseconds);
}

/* Throws away the message that was given out last. */
static void drop_taken(struct kc_channel *channel)
{
    memmove(channel->bytes, channel->bytes + channel->taken, channel->filled - channel->taken);
    channel->filled -= channel->taken;
    channel->taken = 0;
}

/* Whether a whole message has come, or something that is none. */
static enum kc_got look(struct kc_channel *channel, struct kc_message *message)
{
    struct header header;
    if (channel->filled < KC_HEADER_BYTES)
        return KC_GOT_NOTHING;
    memcpy(&header, channel->bytes, sizeof header);
    if (header.magic != KC_MAGIC || header.length > KC_MAX_PAYLOAD_BYTES || header.generation != channel->generation ||
        header.type < KC_SAY_WELCOME || header.type > KC_SAY_PROGRESS)
        return KC_GOT_GARBAGE;
    if (channel->filled < KC_HEADER_BYTES + header.length)
        return KC_GOT_NOTHING;
    channel->taken = KC_HEADER_BYTES + header.length;
    *message = (struct kc_message){
        .type = header.type,
        .serial = header.serial,
        .payload = {.bytes = channel->bytes + KC_HEADER_BYTES, .left = header.length},
    };
    return KC_GOT_MESSAGE;
}

enum kc_got kc_channel_next(struct kc_channel *channel, int milliseconds, struct kc_message *message)
{
    drop_taken(channel);
    enum kc_got got = look(channel, message);
    if (got != KC_GOT_NOTHING)
        return got;
    /* Never full here: a whole message of the largest size would have been found. */
    long count = kc_pipe_receive(&channel->pipe, channel->bytes + channel->filled,
                                 sizeof channel->bytes - channel->filled, milliseconds);
    if (count == KC_PIPE_CLOSED)
        return KC_GOT_CLOSED;
    if (count == KC_PIPE_NOTHING)
        return KC_GOT_NOTHING;
    channel->filled += (size_t)count;
    got = look(channel, message);
    return got == KC_GOT_NOTHING ? KC_GOT_BYTES : got;
}

void kc_channel_close(struct kc_channel *channel)
{
    kc_pipe_close(&channel->pipe);
    channel->filled = channel->taken = 0;
}
