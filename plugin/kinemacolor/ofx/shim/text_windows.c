#include "text_windows.h"

#include <windows.h>

bool kc_widen(const char *text, wchar_t *wide, size_t room)
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, (int)room) > 0;
}

bool kc_narrow(const wchar_t *wide, char *text, size_t room)
{
    /* A name that is no UTF-16, which Windows lets a file have, cannot be told to the helper. */
    return WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, text, (int)room, NULL, NULL) > 0;
}
