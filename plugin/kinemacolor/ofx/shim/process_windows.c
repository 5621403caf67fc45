/* Built, and run in Wine; not on Windows itself. */
#include "process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "log_windows.h"
#include "pipe_windows.h"
#include "platform.h"
#include "text_windows.h"

enum { END_WAIT_MS = 500, ENDED_BY_US = 1 };

/* The helper, and the job that it and all its children are in. Closing the job ends them: no helper outlives the host, and
 * nothing is left of one that is forgotten. A virtual environment's python.exe is such a case: it only starts another. */
struct running {
    HANDLE process, job;
};

/* ---- the environment ---- */

/* What a host sets for its own Python and libraries would break ours. Names have no case here. */
static bool is_stripped(const wchar_t *entry)
{
    static const wchar_t *const prefixes[] = {L"PYTHON", L"LD_", L"DYLD_", L"__PYVENV_LAUNCHER__",
                                              L"KINEMACOLOR_OFX_LOG="};
    for (size_t index = 0; index < sizeof prefixes / sizeof *prefixes; index++) {
        if (_wcsnicmp(entry, prefixes[index], wcslen(prefixes[index])) == 0)
            return true;
    }
    return false;
}

static wchar_t *append(wchar_t *end, const wchar_t *entry)
{
    size_t units = wcslen(entry) + 1;
    memcpy(end, entry, units * sizeof *entry);
    return end + units;
}

/* Copies what is kept, with the log's place where the order of names puts it. */
static void copy_environment(const wchar_t *host, const wchar_t *log_entry, wchar_t *block)
{
    bool logged = log_entry[0] == L'\0';
    for (const wchar_t *entry = host; *entry != L'\0'; entry += wcslen(entry) + 1) {
        if (!logged && _wcsicmp(entry, log_entry) > 0) {
            block = append(block, log_entry);
            logged = true;
        }
        if (!is_stripped(entry))
            block = append(block, entry);
    }
    if (!logged)
        block = append(block, log_entry);
    /* One end more; an empty block has two as well. */
    block[0] = block[1] = L'\0';
}

/* The host's environment without these, and with the log's place. Freed by the caller; NULL: no memory. */
static wchar_t *environment_for(const wchar_t *log_entry)
{
    wchar_t *host = GetEnvironmentStringsW();
    if (host == NULL)
        return NULL;
    const wchar_t *end = host;
    while (*end != L'\0')
        end += wcslen(end) + 1;
    wchar_t *block = calloc((size_t)(end - host) + wcslen(log_entry) + 3, sizeof *block);
    if (block != NULL)
        copy_environment(host, log_entry, block);
    FreeEnvironmentStringsW(host);
    return block;
}

/* ---- what is inherited ---- */

enum { INPUT_AT, OUTPUT_AT, PIPE_AT, MEMORY_AT, INHERITED };

/* The log for what the helper prints, else nowhere. */
static HANDLE open_output(const char *log)
{
    HANDLE file = log[0] == '\0' ? INVALID_HANDLE_VALUE : kc_log_open(log);
    if (file != INVALID_HANDLE_VALUE)
        return file;
    return CreateFileW(L"NUL", GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL);
}

/* Replaces a handle by one that children inherit; the memory's stays as well, since it is the shim's own. Only for the
 * moment of the start: another child that a thread of the host starts just then without a list of handles gets them too. */
static bool make_inherited(HANDLE *handle, bool keep)
{
    HANDLE self = GetCurrentProcess(), copy = NULL;
    DWORD options = DUPLICATE_SAME_ACCESS | (keep ? 0 : DUPLICATE_CLOSE_SOURCE);
    bool made = *handle != INVALID_HANDLE_VALUE && DuplicateHandle(self, *handle, self, &copy, 0, TRUE, options);
    *handle = made ? copy : INVALID_HANDLE_VALUE;
    return made;
}

static bool make_all_inherited(HANDLE handles[INHERITED])
{
    bool all = true;
    for (int index = 0; index < INHERITED; index++)
        all = make_inherited(&handles[index], index == MEMORY_AT) && all;
    return all;
}

static void close_all(HANDLE handles[INHERITED])
{
    for (int index = 0; index < INHERITED; index++) {
        if (handles[index] != INVALID_HANDLE_VALUE)
            CloseHandle(handles[index]);
    }
}

/* ---- starting ---- */

static HANDLE make_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {
        .BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    };
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (job != NULL && !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits)) {
        CloseHandle(job);
        return NULL;
    }
    return job;
}

/* Stopped until it is in its job, and with these handles of the host's and no other. */
static bool create(const wchar_t *python, wchar_t *command, wchar_t *environment, HANDLE handles[INHERITED],
                   LPPROC_THREAD_ATTRIBUTE_LIST attributes, PROCESS_INFORMATION *started)
{
    STARTUPINFOEXW startup = {
        .StartupInfo = {.cb = sizeof startup,
                        .dwFlags = STARTF_USESTDHANDLES,
                        .hStdInput = handles[INPUT_AT],
                        .hStdOutput = handles[OUTPUT_AT],
                        .hStdError = handles[OUTPUT_AT]},
        .lpAttributeList = attributes,
    };
    const DWORD flags =
        CREATE_SUSPENDED | CREATE_NO_WINDOW | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
    return UpdateProcThreadAttribute(attributes, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles,
                                     INHERITED * sizeof *handles, NULL, NULL) &&
           CreateProcessW(python, command, NULL, NULL, TRUE, flags, environment, NULL, &startup.StartupInfo, started);
}

static bool create_with_list(const wchar_t *python, wchar_t *command, wchar_t *environment, HANDLE handles[INHERITED],
                             PROCESS_INFORMATION *started)
{
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    LPPROC_THREAD_ATTRIBUTE_LIST attributes = malloc(size);
    if (attributes == NULL)
        return false;
    bool done = InitializeProcThreadAttributeList(attributes, 1, 0, &size);
    if (done) {
        done = create(python, command, environment, handles, attributes, started);
        DWORD error = GetLastError();
        DeleteProcThreadAttributeList(attributes);
        SetLastError(error);
    }
    free(attributes);
    return done;
}

/* Windows has no numbers that files are put at: the helper is told those that it has inherited. */
static bool spawn(const wchar_t *python, wchar_t *environment, HANDLE handles[INHERITED], PROCESS_INFORMATION *started)
{
    wchar_t command[KC_TEXT_LIMIT + 128];
    swprintf(command, sizeof command / sizeof *command,
             L"\"%ls\" -I -m kinemacolor.ofx.helper --pipe %llu --memory %llu", python,
             (unsigned long long)(uintptr_t)handles[PIPE_AT], (unsigned long long)(uintptr_t)handles[MEMORY_AT]);
    return create_with_list(python, command, environment, handles, started);
}

/* The environment, and the places of the log and of Python as Windows takes them. */
static bool prepare_and_spawn(const char *python, const char *log, HANDLE handles[INHERITED],
                              PROCESS_INFORMATION *started)
{
    static const char name[] = "KINEMACOLOR_OFX_LOG=";
    char entry[KC_TEXT_LIMIT + sizeof name];
    wchar_t wide_entry[KC_TEXT_LIMIT + sizeof name], wide_python[KC_TEXT_LIMIT];
    snprintf(entry, sizeof entry, "%s%s", log[0] == '\0' ? "" : name, log);
    if (!kc_widen(entry, wide_entry, sizeof wide_entry / sizeof *wide_entry) ||
        !kc_widen(python, wide_python, KC_TEXT_LIMIT))
        return false;
    wchar_t *environment = environment_for(wide_entry);
    bool done = environment != NULL && spawn(wide_python, environment, handles, started);
    DWORD error = GetLastError();
    free(environment);
    SetLastError(error);
    return done;
}

static bool start(const char *python, HANDLE pipe_end, const struct kc_memory *memory, PROCESS_INFORMATION *started)
{
    char log[KC_TEXT_LIMIT];
    if (!kc_log_path(log, sizeof log))
        log[0] = '\0';
    HANDLE handles[INHERITED] = {
        [INPUT_AT] = CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING, 0, NULL),
        [OUTPUT_AT] = open_output(log),
        [PIPE_AT] = pipe_end,
        [MEMORY_AT] = (HANDLE)memory->handle,
    };
    bool done = make_all_inherited(handles) && prepare_and_spawn(python, log, handles, started);
    DWORD error = GetLastError();
    close_all(handles);
    SetLastError(error);
    return done;
}

/* Puts it into a job and lets it run. Without a job it still leaves when its pipe ends. */
static struct running *let_run(const PROCESS_INFORMATION *started)
{
    struct running *running = calloc(1, sizeof *running);
    if (running != NULL) {
        *running = (struct running){.process = started->hProcess, .job = make_job()};
        if (running->job == NULL || !AssignProcessToJobObject(running->job, running->process))
            kc_log("helper %ld is in no job of its own: error %lu", (long)started->dwProcessId, GetLastError());
        ResumeThread(started->hThread);
    } else {
        TerminateProcess(started->hProcess, ENDED_BY_US);
        CloseHandle(started->hProcess);
    }
    CloseHandle(started->hThread);
    return running;
}

static void explain(const char *python, DWORD error, char *why, size_t room)
{
    if (error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND)
        snprintf(why, room, "the helper's Python is gone: %s; run: kinemacolor plugin install", python);
    else
        snprintf(why, room, "the helper's Python %s could not be started: error %lu", python, error);
}

bool kc_process_start(struct kc_process *process, const char *python, const struct kc_memory *memory,
                      struct kc_pipe *pipe, char *why, size_t room)
{
    HANDLE theirs;
    PROCESS_INFORMATION started;
    if (!kc_pipe_make(pipe, &theirs)) {
        snprintf(why, room, "the helper could not be started: no pipe (error %lu)", GetLastError());
        return false;
    }
    if (!start(python, theirs, memory, &started)) {
        explain(python, GetLastError(), why, room);
        kc_pipe_close(pipe);
        return false;
    }
    struct running *running = let_run(&started);
    if (running == NULL) {
        snprintf(why, room, "the helper could not be started: no memory");
        kc_pipe_close(pipe);
        return false;
    }
    *process = (struct kc_process){.id = (intptr_t)started.dwProcessId, .more = running};
    return true;
}

/* ---- ending ---- */

static void forget(struct kc_process *process)
{
    struct running *running = process->more;
    if (running != NULL) {
        CloseHandle(running->process);
        if (running->job != NULL)
            CloseHandle(running->job);
        free(running);
    }
    *process = (struct kc_process){.id = 0};
}

static void describe_end(HANDLE process, char *how, size_t room)
{
    DWORD status = 0;
    GetExitCodeProcess(process, &status);
    /* Faults are numbers of that size. */
    if (status >= 0xC0000000)
        snprintf(how, room, "was ended by fault 0x%08lX", status);
    else
        snprintf(how, room, "ended with status %lu", status);
}

bool kc_process_ended(struct kc_process *process, int milliseconds, char *how, size_t room)
{
    struct running *running = process->more;
    if (running == NULL) {
        snprintf(how, room, "ended");
        return true;
    }
    if (WaitForSingleObject(running->process, milliseconds > 0 ? (DWORD)milliseconds : 0) == WAIT_TIMEOUT)
        return false;
    describe_end(running->process, how, room);
    forget(process);
    return true;
}

void kc_process_stop(struct kc_process *process, int patience_ms)
{
    char how[64];
    struct running *running = process->more;
    if (process->id == 0 || kc_process_ended(process, patience_ms, how, sizeof how))
        return;
    /* There is no way to ask: a program without a window and without our console hears nothing but its pipe. */
    if (running->job == NULL || !TerminateJobObject(running->job, ENDED_BY_US))
        TerminateProcess(running->process, ENDED_BY_US);
    if (kc_process_ended(process, END_WAIT_MS, how, sizeof how))
        return;
    kc_log("helper %ld does not end, not even when it is terminated; it is left alone", (long)process->id);
    forget(process);
}

void kc_process_disown(struct kc_process *process)
{
    /* Nothing forks on Windows, so nobody calls this. */
    process->id = 0;
}
