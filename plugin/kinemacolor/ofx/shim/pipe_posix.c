#define _GNU_SOURCE
#include "pipe.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "platform.h"

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0 /* macOS: the socket itself is told not to raise SIGPIPE */
#endif

/* Waits for the events; false after that time. An error counts as an event: the next call tells which. */
static bool wait_for(const struct kc_pipe *pipe, short events, int64_t until)
{
    for (;;) {
        struct pollfd entry = {.fd = (int)pipe->handle, .events = events};
        int64_t left = until - kc_now_ms();
        int ready = poll(&entry, 1, left > 0 ? (int)left : 0);
        if (ready > 0)
            return true;
        if (ready == 0 || errno != EINTR)
            return false;
    }
}

bool kc_pipe_send(struct kc_pipe *pipe, const uint8_t *bytes, size_t count, int milliseconds)
{
    int64_t until = kc_now_ms() + milliseconds;
    while (count > 0) {
        ssize_t sent = send((int)pipe->handle, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes += sent;
            count -= (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            if (!wait_for(pipe, POLLOUT, until))
                return false;
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

long kc_pipe_receive(struct kc_pipe *pipe, uint8_t *bytes, size_t room, int milliseconds)
{
    if (!wait_for(pipe, POLLIN, kc_now_ms() + milliseconds))
        return KC_PIPE_NOTHING;
    ssize_t count = recv((int)pipe->handle, bytes, room, MSG_DONTWAIT);
    if (count > 0)
        return (long)count;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return KC_PIPE_NOTHING;
    return KC_PIPE_CLOSED;
}

void kc_pipe_close(struct kc_pipe *pipe)
{
    if (pipe->handle >= 0)
        close((int)pipe->handle);
    *pipe = (struct kc_pipe){.handle = -1};
}
