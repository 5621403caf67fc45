#define _GNU_SOURCE
#include "log_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform.h"
#include "wire.h"

/* Makes the folders that lead to a file. */
static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
}

bool kc_log_default_path(char *path, size_t room)
{
    char base[KC_TEXT_LIMIT];
    const char *form = "%s/kinemacolor/ofx.log";
#if defined(__APPLE__)
    if (!kc_environment("HOME", base, sizeof base))
        return false;
    form = "%s/Library/Logs/kinemacolor/ofx.log";
#else
    if (!kc_environment("XDG_STATE_HOME", base, sizeof base)) {
        if (!kc_environment("HOME", base, sizeof base))
            return false;
        form = "%s/.local/state/kinemacolor/ofx.log";
    }
#endif
    int length = snprintf(path, room, form, base);
    if (length < 0 || (size_t)length >= room || path[0] != '/')
        return false;
    make_folders(path);
    return true;
}

static void put_aside(const char *path)
{
    struct stat facts;
    char older[KC_TEXT_LIMIT + 2];
    if (stat(path, &facts) != 0 || !S_ISREG(facts.st_mode) || facts.st_size < KC_LOG_LIMIT_BYTES)
        return;
    if (snprintf(older, sizeof older, "%s.1", path) < (int)sizeof older)
        rename(path, older);
}

int kc_log_open(const char *path)
{
    struct stat facts;
    /* Opening a pipe that nobody reads would wait, writing to one that nobody reads any more is a signal. */
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
    if (file < 0 || (fstat(file, &facts) == 0 && (S_ISREG(facts.st_mode) || S_ISCHR(facts.st_mode))))
        return file;
    close(file);
    return -1;
}

void kc_log_append(const char *path, const char *line, size_t length)
{
    put_aside(path);
    int file = kc_log_open(path);
    if (file < 0)
        return;
    ssize_t written;
    do
        written = write(file, line, length);
    while (written < 0 && errno == EINTR);
    close(file);
}
