/* Bytes to and from the helper. Neither direction ever waits longer than it is told to. */
#ifndef KC_PIPE_H
#define KC_PIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kc_pipe {
    intptr_t handle; /* -1: none */
    void *more;      /* of the system */
};

enum { KC_PIPE_NOTHING = 0, KC_PIPE_CLOSED = -1 };

/* False: the other end is gone, or takes nothing for that long. */
bool kc_pipe_send(struct kc_pipe *pipe, const uint8_t *bytes, size_t count, int milliseconds);
/* How many bytes came; KC_PIPE_NOTHING after that wait, KC_PIPE_CLOSED at the end. */
long kc_pipe_receive(struct kc_pipe *pipe, uint8_t *bytes, size_t room, int milliseconds);
void kc_pipe_close(struct kc_pipe *pipe);

#endif
