/* driver LIBRARY [SCENE...]: plays the scenes, or all of them, and says "SCENE: ok" for each. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

static const struct {
    const char *name;
    void (*play)(const char *path);
} scenes[] = {
    {"scan", play_scan},
    {"questions", play_questions},
    {"pictures", play_pictures},
    {"windows", play_windows},
    {"nonsense", play_nonsense},
    {"aborts", play_aborts},
    {"killed helper", play_killed_helper},
    {"missing python", play_missing_python},
    {"error picture", play_error_picture},
    {"unload and go on", play_unload_and_go_on},
    {"forgotten instances", play_forgotten_instances},
    {"threads", play_threads},
    {"threads and unload", play_threads_and_unload},
    {"threads and aborts", play_threads_and_aborts},
    {"threads without helper", play_threads_without_helper},
};

void give_up(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    exit(1);
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    require(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

static bool is_wanted(const char *name, int count, char **wanted)
{
    for (int place = 2; place < count; place++) {
        if (strcmp(wanted[place], name) == 0)
            return true;
    }
    return count == 2;
}

int main(int count, char **arguments)
{
    require(count >= 2);
    for (size_t place = 0; place < sizeof scenes / sizeof *scenes; place++) {
        if (!is_wanted(scenes[place].name, count, arguments))
            continue;
        int before = open_descriptors();
        scenes[place].play(arguments[1]);
        require(open_descriptors() == before);
        printf("%s: ok\n", scenes[place].name);
        fflush(stdout);
    }
    hosts_free();
    return 0;
}
