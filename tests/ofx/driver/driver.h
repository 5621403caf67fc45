/* A host in C that plays the compiled effect: what Python is too large and too loud for, under valgrind and with threads.
 *
 * It hands out memory that is exactly as large as a picture, so that one byte too many is seen. */
#ifndef DRIVER_H
#define DRIVER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "abi.h"

/* Ends the driver where something is not as it must be. */
#define require(condition) ((condition) ? (void)0 : give_up(__FILE__, __LINE__, #condition))
void give_up(const char *file, int line, const char *what);

/* ---- set.c: properties ---- */

enum { VALUES = 16 };

union value {
    void *pointer;
    char *text;
    double number;
    int whole;
};
struct entry {
    char *name;
    bool is_text;
    int count;
    union value values[VALUES];
};
struct set {
    struct entry *entries;
    int count;
};

extern const struct ofx_property_suite property_suite;

ofx_properties handle_of(struct set *set);
void set_text(struct set *set, const char *name, int index, const char *text);
void set_whole(struct set *set, const char *name, int index, int whole);
void set_number(struct set *set, const char *name, int index, double number);
void set_pointer(struct set *set, const char *name, void *pointer);
void set_rect(struct set *set, const char *name, const struct ofx_rect_i *rect);
/* The first value, or that text. */
const char *text_of(struct set *set, const char *name, const char *fallback);
/* NULL: it was never set. */
struct entry *entry_of(const struct set *set, const char *name);
void set_free(struct set *set);

/* ---- picture.c ---- */

struct kind {
    const char *depth, *components;
    int pixel_bytes;
};
struct picture {
    struct kind kind;
    struct ofx_rect_i bounds;
    int row_bytes;
    size_t size;
    uint8_t *memory;
    uint8_t *data; /* the lower left pixel */
};

enum { KINDS = 8 };
extern const struct kind kinds[KINDS];

/* Filled with noise. Rows go down in memory, with gaps between them, if `padding` is negative, else up. */
struct picture *picture_new(const struct kind *kind, const struct ofx_rect_i *bounds, int padding, unsigned seed);
/* What an image's properties say about it. */
void picture_describe(const struct picture *picture, struct set *set);
/* Whether the window is that of `from`, and all the rest, gaps too, that of `before`. */
bool picture_came_through(const struct picture *picture, const struct picture *before, const struct picture *from,
                          const struct ofx_rect_i *window);
void picture_free(struct picture *picture);

/* ---- effect.c: effects, clips, parameters ---- */

enum { CLIPS = 2, PARAMS = 64, MESSAGE = 1024 };

struct clip {
    char *name;
    struct set properties;
    struct picture *picture;
    struct effect *effect;
};
struct param {
    char *type, *name;
    struct set properties;
    char *text; /* NULL: never set */
    int whole;
    bool is_set;
};
struct effect {
    struct set properties;
    struct clip clips[CLIPS];
    struct param *params[PARAMS];
    int clip_count, param_count, images_out, progress_open;
    atomic_bool aborts;
    char message[MESSAGE]; /* that stands at it */
};

extern const struct ofx_effect_suite effect_suite;

struct effect *effect_new(void);
struct clip *effect_clip(struct effect *effect, const char *name);
struct param *effect_param(struct effect *effect, const char *name);
void effect_free(struct effect *effect);

/* ---- suites.c: parameters' values, messages, progress; and the host ---- */

extern const struct ofx_param_suite param_suite;

/* The host under that name. It lives as long as the process. */
struct ofx_host *host_named(const char *name);
void hosts_free(void);

/* ---- plugin.c: the effect's library ---- */

struct plugin {
    void *library;
    struct ofx_plugin *entry;
};

/* Loads the library and has it look at the host, as a scan does. */
struct plugin plugin_open(const char *path, struct ofx_host *host);
void plugin_close(struct plugin *plugin);
ofx_status act(const struct plugin *plugin, const char *action, struct effect *effect, struct set *in, struct set *out);
/* Described, and an instance. */
struct effect *instance_new(const struct plugin *plugin);
void instance_free(const struct plugin *plugin, struct effect *effect);
/* One frame from the pictures at its clips. */
ofx_status render(const struct plugin *plugin, struct effect *effect, double time, const struct ofx_rect_i *window);
/* A small frame that must come through as it is, from picture to picture of its own. */
void render_small(const struct plugin *plugin, struct effect *effect, unsigned seed);

/* Renders noise into a picture; what came out is in the picture. */
ofx_status render_into(const struct plugin *plugin, struct effect *effect, struct picture *output);
/* The same, and the picture is not looked at. */
ofx_status render_some(const struct plugin *plugin, struct effect *effect);

/* An environment with another interpreter for the helper, and the way back. No thread may run meanwhile. */
char *exchange_python(const char *other);
void give_back_python(char *old);

/* ---- scenes ---- */

void play_scan(const char *path);
void play_questions(const char *path);
void play_pictures(const char *path);
void play_windows(const char *path);
void play_nonsense(const char *path);
void play_aborts(const char *path);
void play_killed_helper(const char *path);
void play_missing_python(const char *path);
void play_error_picture(const char *path);
void play_unload_and_go_on(const char *path);
void play_forgotten_instances(const char *path);
void play_threads(const char *path);
void play_threads_and_unload(const char *path);
void play_threads_and_aborts(const char *path);
void play_threads_without_helper(const char *path);

#endif
