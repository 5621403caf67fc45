#define _GNU_SOURCE
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "descriptor.h"
#include "log_posix.h"
#include "platform.h"
#include "wire.h"

#if defined(__APPLE__)
#include <crt_externs.h>
#define environment_of_host (*_NSGetEnviron())
#else
extern char **environ;
#define environment_of_host environ
/* glibc has it since 2.34; on older ones the helper closes what it inherits itself. */
extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *, int) __attribute__((weak));
#endif

enum { PIPE_AT = 3, MEMORY_AT = 4, FIRST_FREE = 5, END_WAIT_MS = 500, LOOK_EVERY_MS = 5 };

/* ---- the environment ---- */

/* What a host sets for its own Python and libraries would break ours. */
static bool is_stripped(const char *entry)
{
    static const char *const prefixes[] = {"PYTHON", "LD_", "DYLD_", "__PYVENV_LAUNCHER__", "KINEMACOLOR_OFX_LOG="};
    for (size_t index = 0; index < sizeof prefixes / sizeof *prefixes; index++) {
        if (strncmp(entry, prefixes[index], strlen(prefixes[index])) == 0)
            return true;
    }
    return false;
}

/* The host's environment without these, and with the log's place in `log_entry`. Freed by the caller; NULL: no memory. */
static char **environment_for(char *log_entry)
{
    size_t count = 0, kept = 0;
    while (environment_of_host != NULL && environment_of_host[count] != NULL)
        count++;
    char **entries = calloc(count + 2, sizeof *entries);
    if (entries == NULL)
        return NULL;
    for (size_t index = 0; index < count; index++) {
        if (!is_stripped(environment_of_host[index]))
            entries[kept++] = environment_of_host[index];
    }
    if (log_entry[0] != '\0')
        entries[kept] = log_entry;
    return entries;
}

/* ---- descriptors ---- */

static bool make_pipe(int ends[2])
{
#if defined(SOCK_CLOEXEC)
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
#else
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return false;
    int on = 1;
    setsockopt(ends[0], SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    ends[0] = kc_raise_descriptor(ends[0]);
    ends[1] = kc_raise_descriptor(ends[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return true;
    for (int index = 0; index < 2; index++) {
        if (ends[index] >= 0)
            close(ends[index]);
    }
    return false;
}

/* The log for what the helper prints, else nowhere. */
static int open_output(const char *log)
{
    int file = log[0] == '\0' ? -1 : kc_log_open(log);
    if (file < 0)
        file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return kc_raise_descriptor(file);
}

static int arrange(posix_spawn_file_actions_t *actions, int output, int pipe_end, int memory)
{
    int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
    const int places[][2] = {{output, 1}, {output, 2}, {pipe_end, PIPE_AT}, {memory, MEMORY_AT}};
    for (size_t index = 0; index < sizeof places / sizeof *places && error == 0; index++)
        error = posix_spawn_file_actions_adddup2(actions, places[index][0], places[index][1]);
#if !defined(__APPLE__)
    if (error == 0 && posix_spawn_file_actions_addclosefrom_np != NULL)
        error = posix_spawn_file_actions_addclosefrom_np(actions, FIRST_FREE);
#endif
    return error;
}

/* ---- starting ---- */

/* Signals as a fresh process has them, whatever the host ignores or blocks, and a session of its own. */
static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setsigdefault(attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
#if defined(POSIX_SPAWN_CLOEXEC_DEFAULT)
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
#if defined(POSIX_SPAWN_SETSID)
    if (posix_spawnattr_setflags(attributes, (short)(flags | POSIX_SPAWN_SETSID)) == 0)
        return 0;
#endif
    return posix_spawnattr_setflags(attributes, flags);
}

static int spawn(pid_t *id, const char *python, char **entries, int output, int pipe_end, int memory)
{
    static const char isolated[] = "-I", module[] = "-m", helper[] = "kinemacolor.ofx.helper";
    char *arguments[] = {(char *)python, (char *)isolated, (char *)module, (char *)helper, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = set_attributes(&attributes);
        if (error == 0)
            error = arrange(&actions, output, pipe_end, memory);
        if (error == 0)
            error = posix_spawn(id, python, &actions, &attributes, arguments, entries);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int start(pid_t *id, const char *python, int pipe_end, int memory)
{
    static const char name[] = "KINEMACOLOR_OFX_LOG=";
    char log[KC_TEXT_LIMIT], entry[KC_TEXT_LIMIT + sizeof name];
    if (!kc_log_path(log, sizeof log))
        log[0] = '\0';
    snprintf(entry, sizeof entry, "%s%s", log[0] == '\0' ? "" : name, log);
    int output = open_output(log);
    char **entries = environment_for(entry);
    int error = output < 0 ? EMFILE : entries == NULL ? ENOMEM : spawn(id, python, entries, output, pipe_end, memory);
    free(entries);
    if (output >= 0)
        close(output);
    return error;
}

bool kc_process_start(struct kc_process *process, const char *python, const struct kc_memory *memory,
                      struct kc_pipe *pipe, char *why, size_t room)
{
    int ends[2];
    pid_t id = 0;
    if (!make_pipe(ends)) {
        snprintf(why, room, "the helper could not be started: no socket (%s)", strerror(errno));
        return false;
    }
    int error = start(&id, python, ends[1], (int)memory->handle);
    close(ends[1]);
    if (error != 0) {
        close(ends[0]);
        if (error == ENOENT || error == ENOTDIR)
            snprintf(why, room, "the helper's Python is gone: %s; run: kinemacolor plugin install", python);
        else
            snprintf(why, room, "the helper's Python %s could not be started: %s", python, strerror(error));
        return false;
    }
    *process = (struct kc_process){.id = id};
    *pipe = (struct kc_pipe){.handle = ends[0]};
    return true;
}

/* ---- ending ---- */

static void describe_end(int status, char *how, size_t room)
{
    if (WIFSIGNALED(status))
        snprintf(how, room, "was killed by signal %d", WTERMSIG(status));
    else
        snprintf(how, room, "ended with status %d", WEXITSTATUS(status));
}

/* Sleeps without touching the host's signals. */
static void pause_ms(int milliseconds)
{
    struct timespec time = {.tv_nsec = (long)milliseconds * 1000000};
    nanosleep(&time, NULL);
}

bool kc_process_ended(struct kc_process *process, int milliseconds, char *how, size_t room)
{
    int64_t until = kc_now_ms() + milliseconds;
    for (;;) {
        int status = 0;
        pid_t found = process->id == 0 ? -1 : waitpid((pid_t)process->id, &status, WNOHANG);
        if (found > 0 || (found < 0 && errno != EINTR)) {
            if (found > 0)
                describe_end(status, how, room);
            else /* The host ignores or reaps the ends of all its children. */
                snprintf(how, room, "ended");
            process->id = 0;
            return true;
        }
        if (kc_now_ms() >= until)
            return false;
        pause_ms(LOOK_EVERY_MS);
    }
}

void kc_process_stop(struct kc_process *process, int patience_ms)
{
    char how[64];
    static const int signals[] = {SIGTERM, SIGKILL};
    if (process->id == 0 || kc_process_ended(process, patience_ms, how, sizeof how))
        return;
    for (int index = 0; index < 2; index++) {
        /* Not reaped yet, so the number is still that of our process. */
        kill((pid_t)process->id, signals[index]);
        if (kc_process_ended(process, END_WAIT_MS, how, sizeof how))
            return;
    }
    kc_log("helper %ld does not end, not even by SIGKILL; it is left alone", (long)process->id);
    process->id = 0;
}

void kc_process_disown(struct kc_process *process)
{
    process->id = 0;
}
