/* What hosts do when something is wrong. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

static const struct ofx_rect_i bounds = {-1, -1, 300, 90};

/* Pictures that are not what they say, or are not there. */
void play_nonsense(const char *path)
{
    struct plugin plugin = plugin_open(path, host_named("driver"));
    struct effect *effect = instance_new(&plugin);
    struct picture *output = picture_new(&kinds[0], &bounds, 0, 1);
    const struct picture whole = *output;
    require(render(&plugin, effect, 0.0, &bounds) == OFX_FAILED);
    effect_clip(effect, "Output")->picture = output;
    require(render(&plugin, effect, 0.0, &bounds) == OFX_FAILED);
    output->row_bytes = INT_MIN;
    require(render_into(&plugin, effect, output) == OFX_FAILED);
    *output = whole;
    output->kind.depth = "OfxBitDepthTomorrow";
    require(render_into(&plugin, effect, output) == OFX_FAILED);
    *output = whole;
    output->data = NULL;
    require(render_into(&plugin, effect, output) == OFX_FAILED);
    *output = whole;
    const struct ofx_rect_i far = {INT_MAX - 47, -INT_MAX, INT_MAX, INT_MAX};
    effect_clip(effect, "Source")->picture = effect_clip(effect, "Output")->picture = output;
    require(render(&plugin, effect, 0.0, &far) == OFX_OK);
    output->bounds = (struct ofx_rect_i){INT_MIN, INT_MIN, INT_MAX, INT_MAX};
    require(render(&plugin, effect, 0.0, &bounds) == OFX_FAILED);
    *output = whole;
    picture_free(output);
    instance_free(&plugin, effect);
    plugin_close(&plugin);
}

void play_aborts(const char *path)
{
    struct plugin plugin = plugin_open(path, host_named("driver"));
    struct effect *effect = instance_new(&plugin);
    for (int round = 0; round < 3; round++) {
        atomic_store(&effect->aborts, true);
        render_some(&plugin, effect);
        atomic_store(&effect->aborts, false);
        render_small(&plugin, effect, (unsigned)round);
    }
    instance_free(&plugin, effect);
    plugin_close(&plugin);
}

/* The one child of this process, which has no other threads now; 0: there is none. */
static int child(void)
{
    char path[64];
    int id = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    require(file != NULL);
    if (fscanf(file, "%d", &id) != 1)
        id = 0;
    fclose(file);
    return id;
}

void play_killed_helper(const char *path)
{
    struct plugin plugin = plugin_open(path, host_named("driver"));
    struct effect *effect = instance_new(&plugin);
    for (int round = 0; round < 3; round++) {
        render_small(&plugin, effect, (unsigned)round);
        int helper = child();
        require(helper > 0 && kill(helper, SIGKILL) == 0);
    }
    render_small(&plugin, effect, 3);
    instance_free(&plugin, effect);
    plugin_close(&plugin);
    require(child() == 0);
}

char *exchange_python(const char *other)
{
    const char *now = getenv("KINEMACOLOR_PYTHON");
    require(now != NULL);
    char *old = strdup(now);
    require(setenv("KINEMACOLOR_PYTHON", other, 1) == 0);
    return old;
}

void give_back_python(char *old)
{
    require(setenv("KINEMACOLOR_PYTHON", old, 1) == 0);
    free(old);
}

void play_missing_python(const char *path)
{
    static const char *const others[] = {"/nowhere/python", "/bin/false", "/"};
    for (int place = 0; place < 3; place++) {
        char *python = exchange_python(others[place]);
        struct plugin plugin = plugin_open(path, host_named("driver"));
        struct effect *effect = instance_new(&plugin);
        effect_param(effect, "onError")->is_set = true;
        effect_param(effect, "onError")->whole = 1;
        for (int round = 0; round < 2; round++) {
            require(render_some(&plugin, effect) == OFX_FAILED);
            require(strstr(effect->message, "helper") != NULL);
        }
        instance_free(&plugin, effect);
        plugin_close(&plugin);
        give_back_python(python);
    }
}

static bool is_magenta(const struct picture *picture)
{
    static const uint8_t magenta[4] = {255, 0, 255, 255};
    for (size_t at = 0; at + sizeof magenta <= picture->size; at += sizeof magenta) {
        if (memcmp(picture->memory + at, magenta, sizeof magenta) == 0)
            return true;
    }
    return false;
}

/* Where a failed render counts as success: a picture of every kind and size says what is wrong. */
void play_error_picture(const char *path)
{
    static const struct ofx_rect_i sizes[] = {{0, 0, 1, 1}, {-3, -2, 4, 41}, {7, 7, 500, 16}, {0, 0, 301, 203}};
    char *python = exchange_python("/nowhere/python");
    struct plugin plugin = plugin_open(path, host_named("MLT"));
    struct effect *effect = instance_new(&plugin);
    for (int place = 0; place < 4 * KINDS; place++) {
        struct picture *output = picture_new(&kinds[place % KINDS], &sizes[place / KINDS], place % 2 == 0 ? 0 : -5, 1);
        require(render_into(&plugin, effect, output) == OFX_OK);
        require(place != 3 * KINDS || is_magenta(output)); /* bytes, in the one that has room for stripes */
        picture_free(output);
    }
    instance_free(&plugin, effect);
    plugin_close(&plugin);
    give_back_python(python);
}

/* MLT does; the helper starts again. */
void play_unload_and_go_on(const char *path)
{
    struct plugin plugin = plugin_open(path, host_named("MLT"));
    struct effect *effect = instance_new(&plugin);
    for (int round = 0; round < 3; round++) {
        render_small(&plugin, effect, (unsigned)round);
        require(act(&plugin, "OfxActionUnload", NULL, NULL, NULL) == OFX_OK);
        require(child() == 0);
    }
    instance_free(&plugin, effect);
    plugin_close(&plugin);
}

/* Instances that are never destroyed, or destroyed twice, or made twice. */
void play_forgotten_instances(const char *path)
{
    struct plugin plugin = plugin_open(path, host_named("driver"));
    struct effect *forgotten = instance_new(&plugin), *twice = instance_new(&plugin);
    render_small(&plugin, forgotten, 1);
    require(act(&plugin, "OfxActionCreateInstance", twice, NULL, NULL) == OFX_OK);
    render_small(&plugin, twice, 2);
    for (int round = 0; round < 2; round++)
        require(act(&plugin, "OfxActionDestroyInstance", twice, NULL, NULL) == OFX_OK);
    effect_free(twice);
    plugin_close(&plugin);
    effect_free(forgotten);
}
