/* Built, and run in Wine; not on Windows itself. */
#define _CRT_RAND_S /* for rand_s, which asks the system for numbers that nobody can guess */
#include "pipe_windows.h"

#include <stdio.h>
#include <stdlib.h>

#include "platform.h"

enum { BUFFER_BYTES = 128 * 1024, NAME_UNITS = 80 };

/* Anonymous pipes have no overlapped form, so no time limit; a named one needs a name that nobody takes before us. */
static bool choose_name(wchar_t *name)
{
    unsigned random[4];
    for (int index = 0; index < 4; index++) {
        if (rand_s(&random[index]) != 0)
            return false;
    }
    return swprintf(name, NAME_UNITS, L"\\\\.\\pipe\\kinemacolor-%08x%08x%08x%08x", random[0], random[1], random[2],
                    random[3]) > 0;
}

bool kc_pipe_make(struct kc_pipe *ours, HANDLE *theirs)
{
    wchar_t name[NAME_UNITS];
    *ours = (struct kc_pipe){.handle = -1};
    if (!choose_name(name))
        return false;
    HANDLE server = CreateNamedPipeW(name, PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
                                     PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1,
                                     BUFFER_BYTES, BUFFER_BYTES, 0, NULL);
    if (server == INVALID_HANDLE_VALUE)
        return false;
    ours->handle = (intptr_t)server;
    /* A handle of its own for the end of an operation: the pipe's would be signalled by whichever ends first. */
    ours->more = CreateEventW(NULL, TRUE, FALSE, NULL);
    /* There is one instance: if this opens it, nobody else is or will be at the other end. Overlapped, since the helper
     * would otherwise not be able to write while it reads. */
    *theirs = ours->more == NULL ? INVALID_HANDLE_VALUE
                                 : CreateFileW(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                                               FILE_FLAG_OVERLAPPED, NULL);
    if (*theirs != INVALID_HANDLE_VALUE)
        return true;
    DWORD error = GetLastError();
    kc_pipe_close(ours);
    SetLastError(error);
    return false;
}

/* The end of an operation that has been asked for, or of the time for it. False: GetLastError says why; `count` is right. */
static bool finish(const struct kc_pipe *pipe, OVERLAPPED *operation, bool done, int64_t until, DWORD *count)
{
    HANDLE handle = (HANDLE)pipe->handle;
    if (!done && GetLastError() != ERROR_IO_PENDING)
        return false;
    int64_t left = until - kc_now_ms();
    if (!done && WaitForSingleObject(pipe->more, left > 0 ? (DWORD)left : 0) != WAIT_OBJECT_0)
        CancelIoEx(handle, operation);
    /* Waits also after cancelling: it may have come to its end just before, and until then the bytes are the system's. */
    return GetOverlappedResult(handle, operation, count, TRUE);
}

bool kc_pipe_send(struct kc_pipe *pipe, const uint8_t *bytes, size_t count, int milliseconds)
{
    int64_t until = kc_now_ms() + milliseconds;
    while (count > 0) {
        DWORD sent = 0;
        OVERLAPPED operation = {.hEvent = pipe->more};
        bool done = WriteFile((HANDLE)pipe->handle, bytes, (DWORD)count, NULL, &operation);
        if (!finish(pipe, &operation, done, until, &sent))
            return false;
        bytes += sent;
        count -= sent;
    }
    return true;
}

long kc_pipe_receive(struct kc_pipe *pipe, uint8_t *bytes, size_t room, int milliseconds)
{
    int64_t until = kc_now_ms() + milliseconds;
    DWORD count = 0;
    OVERLAPPED operation = {.hEvent = pipe->more};
    bool done = ReadFile((HANDLE)pipe->handle, bytes, (DWORD)room, NULL, &operation);
    if (finish(pipe, &operation, done, until, &count))
        return count > 0 ? (long)count : KC_PIPE_NOTHING;
    return GetLastError() == ERROR_OPERATION_ABORTED ? KC_PIPE_NOTHING : KC_PIPE_CLOSED;
}

void kc_pipe_close(struct kc_pipe *pipe)
{
    if (pipe->handle != -1)
        CloseHandle((HANDLE)pipe->handle);
    if (pipe->more != NULL)
        CloseHandle(pipe->more);
    *pipe = (struct kc_pipe){.handle = -1};
}
