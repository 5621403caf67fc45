/* Built, and run in Wine; not on Windows itself. */
#include "platform.h"

#include <stdio.h>
#include <string.h>
#include <windows.h>

#include "text_windows.h"

int64_t kc_now_ms(void)
{
    /* It stands still while the machine sleeps: nobody was silent then. */
    ULONGLONG hundreds_of_ns = 0;
    QueryUnbiasedInterruptTime(&hundreds_of_ns);
    return (int64_t)(hundreds_of_ns / 10000);
}

long kc_process_id(void)
{
    return (long)GetCurrentProcessId();
}

static SRWLOCK mutex = SRWLOCK_INIT;
static CONDITION_VARIABLE woken = CONDITION_VARIABLE_INIT;

void kc_lock(void)
{
    AcquireSRWLockExclusive(&mutex);
}

void kc_unlock(void)
{
    ReleaseSRWLockExclusive(&mutex);
}

void kc_wait(int milliseconds)
{
    SleepConditionVariableSRW(&woken, &mutex, (DWORD)milliseconds, 0);
}

void kc_wake(void)
{
    WakeAllConditionVariable(&woken);
}

void kc_timestamp(char *text, size_t room)
{
    SYSTEMTIME now;
    GetSystemTime(&now);
    snprintf(text, room, "%04d-%02d-%02dT%02d:%02d:%02dZ", now.wYear, now.wMonth, now.wDay, now.wHour, now.wMinute,
             now.wSecond);
}

/* Takes the last part off a path. */
static bool cut(wchar_t *path)
{
    wchar_t *slash = wcsrchr(path, L'\\');
    if (slash == NULL || slash == path)
        return false;
    *slash = L'\0';
    return true;
}

bool kc_resources(char *path, size_t room)
{
    HMODULE library;
    wchar_t whole[KC_TEXT_LIMIT];
    char contents[KC_TEXT_LIMIT];
    const DWORD flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    if (!GetModuleHandleExW(flags, (const wchar_t *)(uintptr_t)kc_resources, &library))
        return false;
    DWORD length = GetModuleFileNameW(library, whole, KC_TEXT_LIMIT);
    return length > 0 && length < KC_TEXT_LIMIT && cut(whole) && cut(whole) &&
           kc_narrow(whole, contents, sizeof contents) && snprintf(path, room, "%s\\Resources", contents) < (int)room;
}

/* The system's own list, not the C library's: that one is a copy, and each library of a host may have another. */
bool kc_environment(const char *name, char *value, size_t room)
{
    wchar_t wide_name[64], wide[KC_TEXT_LIMIT];
    if (!kc_widen(name, wide_name, sizeof wide_name / sizeof *wide_name))
        return false;
    DWORD length = GetEnvironmentVariableW(wide_name, wide, KC_TEXT_LIMIT);
    return length > 0 && length < KC_TEXT_LIMIT && kc_narrow(wide, value, room);
}

bool kc_read_file(const char *path, char *text, size_t room)
{
    wchar_t wide[KC_TEXT_LIMIT];
    DWORD size = 0;
    if (!kc_widen(path, wide, KC_TEXT_LIMIT))
        return false;
    HANDLE file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return false;
    bool read = ReadFile(file, text, (DWORD)(room - 1), &size, NULL);
    CloseHandle(file);
    text[size] = '\0';
    return read;
}
