/* The log as a file. Windows only. */
#ifndef KC_LOG_WINDOWS_H
#define KC_LOG_WINDOWS_H

#include <windows.h>

#include "log.h"

/* To append to; INVALID_HANDLE_VALUE if there is none, or if writing to it could wait for somebody. */
HANDLE kc_log_open(const char *path);

#endif
