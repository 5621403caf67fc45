/* The log as a file. POSIX only. */
#ifndef KC_LOG_POSIX_H
#define KC_LOG_POSIX_H

#include "log.h"

/* To append to; -1 if there is none, or if writing to it could wait for somebody or raise a signal. */
int kc_log_open(const char *path);

#endif
