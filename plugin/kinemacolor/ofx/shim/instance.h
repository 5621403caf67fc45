/* The instances of the effect in this host process, by the host's handle. Nothing of an instance is pointed to. */
#ifndef KC_INSTANCE_H
#define KC_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"
#include "wire.h"

/* A number for the instance, for ever unique in this process; made now if the host did not say that it exists. */
uint64_t kc_instance_id(ofx_effect effect);
/* The host has made it just now: nothing stands at it yet. */
void kc_instance_add(ofx_effect effect);
/* Forgets it; 0: it was not known. Says in the log what became of its frames. */
uint64_t kc_instance_remove(ofx_effect effect);
/* Forgets all that the host has not destroyed. Those that it goes on with are made again, with other numbers. */
void kc_instance_remove_all(void);
/* Counts a frame and keeps what the user should read. */
void kc_instance_note(ofx_effect effect, enum kc_status status, const char *text);
/* Whether the status has changed since it was last taken; the text is then copied. */
bool kc_instance_take_status(ofx_effect effect, char *text, size_t room);
/* Shows an error at the effect until a frame works again; NULL: it works. Says each thing once. */
void kc_instance_complain(ofx_effect effect, const char *text);

#endif
