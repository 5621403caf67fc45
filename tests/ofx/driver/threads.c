/* Several threads at once. The effect says that it is not safe for that; it must not crash all the same. */
#include <pthread.h>
#include <stdlib.h>

#include "driver.h"

enum { THREADS = 3, FRAMES = 12 };

struct role {
    const struct plugin *plugin;
    unsigned number;
    pthread_t thread;
};

static void *render_frames(void *context)
{
    const struct role *role = context;
    struct effect *effect = instance_new(role->plugin);
    for (unsigned frame = 0; frame < FRAMES; frame++)
        render_small(role->plugin, effect, role->number * FRAMES + frame);
    instance_free(role->plugin, effect);
    return NULL;
}

/* Every second frame is not wanted any more. */
static void *render_and_abort(void *context)
{
    const struct role *role = context;
    struct effect *effect = instance_new(role->plugin);
    for (unsigned frame = 0; frame < FRAMES; frame++) {
        atomic_store(&effect->aborts, frame % 2 == 0);
        ofx_status status = render_some(role->plugin, effect);
        require(frame % 2 == 0 || status == OFX_OK);
    }
    instance_free(role->plugin, effect);
    return NULL;
}

static void *render_nothing(void *context)
{
    const struct role *role = context;
    struct effect *effect = instance_new(role->plugin);
    for (unsigned frame = 0; frame < FRAMES; frame++)
        require(render_some(role->plugin, effect) == OFX_FAILED && effect->message[0] != '\0');
    instance_free(role->plugin, effect);
    return NULL;
}

static void begin(struct role *roles, const struct plugin *plugin, void *(*play)(void *))
{
    for (unsigned number = 0; number < THREADS; number++) {
        roles[number] = (struct role){.plugin = plugin, .number = number};
        require(pthread_create(&roles[number].thread, NULL, play, &roles[number]) == 0);
    }
}

static void end(struct role *roles)
{
    for (unsigned number = 0; number < THREADS; number++)
        require(pthread_join(roles[number].thread, NULL) == 0);
}

void play_threads(const char *path)
{
    struct role roles[THREADS];
    struct plugin plugin = plugin_open(path, host_named("driver"));
    begin(roles, &plugin, render_frames);
    end(roles);
    plugin_close(&plugin);
}

/* A host with several projects closes one while it renders another. */
void play_threads_and_unload(const char *path)
{
    struct role roles[THREADS];
    struct plugin plugin = plugin_open(path, host_named("driver"));
    begin(roles, &plugin, render_frames);
    for (int round = 0; round < 4; round++) {
        struct effect *effect = instance_new(&plugin);
        render_small(&plugin, effect, 100);
        require(act(&plugin, "OfxActionUnload", NULL, NULL, NULL) == OFX_OK);
        plugin.entry->set_host(host_named("driver"));
        require(act(&plugin, "OfxActionLoad", NULL, NULL, NULL) == OFX_OK);
        instance_free(&plugin, effect);
    }
    end(roles);
    plugin_close(&plugin);
}

void play_threads_and_aborts(const char *path)
{
    struct role roles[THREADS];
    struct plugin plugin = plugin_open(path, host_named("driver"));
    begin(roles, &plugin, render_and_abort);
    end(roles);
    plugin_close(&plugin);
}

void play_threads_without_helper(const char *path)
{
    struct role roles[THREADS];
    char *python = exchange_python("/bin/false");
    struct plugin plugin = plugin_open(path, host_named("driver"));
    begin(roles, &plugin, render_nothing);
    end(roles);
    plugin_close(&plugin);
    give_back_python(python);
}
