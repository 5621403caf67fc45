/* The effect's log: $KINEMACOLOR_OFX_LOG, or ofx.log in the user's state folder. Bounded: the older half is ofx.log.1. */
#ifndef KC_LOG_H
#define KC_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum { KC_LOG_LIMIT_BYTES = 1 << 20 };

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void kc_log(const char *format, ...);

/* Where the log is; false if there is no place for it. */
bool kc_log_path(char *path, size_t room);

/* ---- the system's part ---- */

/* The state folder's log, its folders made. */
bool kc_log_default_path(char *path, size_t room);
/* Appends in one write; a log that has grown too large is put aside first. */
void kc_log_append(const char *path, const char *line, size_t length);

#endif
