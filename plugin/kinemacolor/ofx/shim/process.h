/* The helper as a process: started so that nothing of the host leaks into it, ended so that nothing waits for ever. */
#ifndef KC_PROCESS_H
#define KC_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory.h"
#include "pipe.h"

struct kc_process {
    intptr_t id; /* 0: none */
    void *more;  /* of the system */
};

/* Starts `PYTHON -I -m kinemacolor.ofx.helper` with one end of a pipe and the memory; `why` says what failed. */
bool kc_process_start(struct kc_process *process, const char *python, const struct kc_memory *memory,
                      struct kc_pipe *pipe, char *why, size_t room);
/* Whether it has ended within that time; `how` says how. It is then forgotten. */
bool kc_process_ended(struct kc_process *process, int milliseconds, char *how, size_t room);
/* Lets it end by itself for that long, then asks it to, then ends it. Returns in about a second more at most. */
void kc_process_stop(struct kc_process *process, int patience_ms);
/* Forgets a process that belongs to the host's parent: after a fork it is not ours. */
void kc_process_disown(struct kc_process *process);

#endif
