/* The few things that C11 leaves to the system: a clock, one lock, the process's name, the bundle's place. */
#ifndef KC_PLATFORM_H
#define KC_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds since any moment; never goes back. */
int64_t kc_now_ms(void);
long kc_process_id(void);
/* One lock for the whole shim, held for moments only: never over a call of the host or a wait for the helper. */
void kc_lock(void);
void kc_unlock(void);
/* With the lock held: wait until somebody wakes us, at most that long. May return early. */
void kc_wait(int milliseconds);
void kc_wake(void);
/* UTC as "2026-11-26T10:00:00Z". */
void kc_timestamp(char *text, size_t room);
/* The folder Contents/Resources of the bundle that this library was loaded from. */
bool kc_resources(char *path, size_t room);
/* An environment variable; false if it is not set, empty or too long. */
bool kc_environment(const char *name, char *value, size_t room);
/* The first bytes of a file as text; false if it cannot be read. */
bool kc_read_file(const char *path, char *text, size_t room);

#endif
