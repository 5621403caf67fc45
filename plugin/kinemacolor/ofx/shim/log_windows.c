/* Built, and run in Wine; not on Windows itself. */
#include "log_windows.h"

#include <stdio.h>
#include <string.h>

#include "platform.h"
#include "text_windows.h"

bool kc_log_default_path(char *path, size_t room)
{
    char base[KC_TEXT_LIMIT], folder[KC_TEXT_LIMIT + 16];
    wchar_t wide[KC_TEXT_LIMIT];
    if (!kc_environment("LOCALAPPDATA", base, sizeof base))
        return false;
    snprintf(folder, sizeof folder, "%s\\kinemacolor", base);
    if (!kc_widen(folder, wide, KC_TEXT_LIMIT))
        return false;
    CreateDirectoryW(wide, NULL);
    return snprintf(path, room, "%s\\ofx.log", folder) < (int)room;
}

static void put_aside(const char *path)
{
    WIN32_FILE_ATTRIBUTE_DATA facts;
    wchar_t wide[KC_TEXT_LIMIT], older[KC_TEXT_LIMIT + 2];
    if (!kc_widen(path, wide, KC_TEXT_LIMIT) || !GetFileAttributesExW(wide, GetFileExInfoStandard, &facts))
        return;
    if (facts.dwFileAttributes & (FILE_ATTRIBUTE_DIRECTORY | FILE_ATTRIBUTE_DEVICE))
        return;
    if (facts.nFileSizeHigh == 0 && facts.nFileSizeLow < KC_LOG_LIMIT_BYTES)
        return;
    wcscpy(older, wide);
    wcscat(older, L".1");
    /* It fails as long as a helper still writes to the one put aside before; the log is then longer for a while. */
    MoveFileExW(wide, older, MOVEFILE_REPLACE_EXISTING);
}

HANDLE kc_log_open(const char *path)
{
    wchar_t wide[KC_TEXT_LIMIT];
    if (!kc_widen(path, wide, KC_TEXT_LIMIT))
        return INVALID_HANDLE_VALUE;
    /* The right to append and no other: what several processes write comes whole, one after another. Who may delete may
     * rename, so a log that a helper has open can be put aside. */
    HANDLE file = CreateFileW(wide, FILE_APPEND_DATA | SYNCHRONIZE,
                              FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS,
                              FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return file;
    DWORD type = GetFileType(file);
    if (type == FILE_TYPE_DISK || type == FILE_TYPE_CHAR)
        return file;
    CloseHandle(file);
    return INVALID_HANDLE_VALUE;
}

void kc_log_append(const char *path, const char *line, size_t length)
{
    DWORD written;
    put_aside(path);
    HANDLE file = kc_log_open(path);
    if (file == INVALID_HANDLE_VALUE)
        return;
    WriteFile(file, line, (DWORD)length, &written, NULL);
    CloseHandle(file);
}
