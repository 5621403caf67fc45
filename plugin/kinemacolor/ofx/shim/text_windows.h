/* Texts as Windows takes them: UTF-16, where the shim has UTF-8. Windows only. */
#ifndef KC_TEXT_WINDOWS_H
#define KC_TEXT_WINDOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

#include "wire.h"

/* False: it does not fit, or is none. `room` counts units; the end of the text needs one. */
bool kc_widen(const char *text, wchar_t *wide, size_t room);
bool kc_narrow(const wchar_t *wide, char *text, size_t room);

#endif
