/* A named pipe between this process and the helper. Windows only. */
#ifndef KC_PIPE_WINDOWS_H
#define KC_PIPE_WINDOWS_H

#include <windows.h>

#include "pipe.h"

/* Makes both ends; `theirs` is not inherited yet. False: GetLastError says why. */
bool kc_pipe_make(struct kc_pipe *ours, HANDLE *theirs);

#endif
