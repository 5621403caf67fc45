#define _GNU_SOURCE
#include "platform.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t kc_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long kc_process_id(void)
{
    return (long)getpid();
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;

void kc_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void kc_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void kc_wait(int milliseconds)
{
    struct timespec until;
    /* The wall clock may jump: callers wait in short slices and look at the monotonic clock. */
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec += 1;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&woken, &mutex, &until);
}

void kc_wake(void)
{
    pthread_cond_broadcast(&woken);
}

void kc_timestamp(char *text, size_t room)
{
    time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts) == NULL || strftime(text, room, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        text[0] = '\0';
}

/* Takes the last part off a path. */
static bool cut(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return false;
    *slash = '\0';
    return true;
}

bool kc_resources(char *path, size_t room)
{
    Dl_info info;
    if (dladdr((void *)(uintptr_t)kc_resources, &info) == 0 || info.dli_fname == NULL)
        return false;
    char *whole = realpath(info.dli_fname, NULL);
    bool found = whole != NULL && cut(whole) && cut(whole) &&
                 snprintf(path, room, "%s/Resources", whole) < (int)room;
    free(whole);
    return found;
}

bool kc_environment(const char *name, char *value, size_t room)
{
    const char *found = getenv(name);
    if (found == NULL || found[0] == '\0' || strlen(found) >= room)
        return false;
    memcpy(value, found, strlen(found) + 1);
    return true;
}

bool kc_read_file(const char *path, char *text, size_t room)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t size;
    do
        size = read(file, text, room - 1);
    while (size < 0 && errno == EINTR);
    close(file);
    if (size < 0)
        return false;
    text[size] = '\0';
    return true;
}
