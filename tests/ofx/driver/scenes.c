/* What hosts do when all is well. Each scene loads the library and unloads it. */
#include <limits.h>
#include <string.h>

#include "driver.h"

static struct plugin open_here(const char *path)
{
    return plugin_open(path, host_named("driver"));
}

/* Looks at the effect and goes, as every host does at its start. */
void play_scan(const char *path)
{
    for (int round = 0; round < 2; round++) {
        struct plugin plugin = open_here(path);
        struct effect *effect = effect_new();
        require(act(&plugin, "OfxActionDescribe", effect, NULL, NULL) == OFX_OK);
        require(act(&plugin, "OfxImageEffectActionDescribeInContext", effect, NULL, NULL) == OFX_OK);
        require(effect->param_count > 0 && effect->clip_count == CLIPS);
        require(act(&plugin, NULL, effect, NULL, NULL) == OFX_FAILED);
        require(act(&plugin, "OfxActionDescribe", NULL, NULL, NULL) == OFX_ERR_BAD_HANDLE);
        require(act(&plugin, "an action of tomorrow", effect, NULL, NULL) == OFX_REPLY_DEFAULT);
        effect_free(effect);
        plugin_close(&plugin);
    }
}

static ofx_status edited(const struct plugin *plugin, struct effect *effect, const char *name)
{
    struct set in = {0};
    set_text(&in, "OfxPropType", 0, "OfxTypeParameter");
    set_text(&in, "OfxPropName", 0, name);
    set_text(&in, "OfxPropChangeReason", 0, "OfxChangeUserEdited");
    set_number(&in, "OfxPropTime", 0, 3.0);
    ofx_status status = act(plugin, "OfxActionInstanceChanged", effect, &in, NULL);
    set_free(&in);
    return status;
}

static ofx_status ask(const struct plugin *plugin, struct effect *effect, const char *action)
{
    struct set in = {0}, out = {0};
    set_number(&in, "OfxPropTime", 0, 3.0);
    ofx_status status = act(plugin, action, effect, &in, &out);
    set_free(&in);
    set_free(&out);
    return status;
}

/* All that is not a frame: preferences, the panel, the button. */
void play_questions(const char *path)
{
    const struct ofx_rect_i bounds = {0, 0, 9, 7};
    struct plugin plugin = open_here(path);
    struct effect *effect = instance_new(&plugin);
    struct picture *source = picture_new(&kinds[0], &bounds, 0, 1);
    effect_clip(effect, "Source")->picture = source;
    require(ask(&plugin, effect, "OfxImageEffectActionIsIdentity") == OFX_REPLY_DEFAULT);
    require(ask(&plugin, effect, "OfxImageEffectActionGetClipPreferences") == OFX_OK);
    require(ask(&plugin, effect, "OfxImageEffectActionGetRegionsOfInterest") == OFX_OK);
    require(ask(&plugin, effect, "OfxImageEffectActionGetFramesNeeded") == OFX_OK);
    require(ask(&plugin, effect, "OfxImageEffectActionGetOutputColourspace") == OFX_OK);
    require(ask(&plugin, effect, "OfxActionSyncPrivateData") == OFX_OK);
    require(edited(&plugin, effect, "quality") == OFX_OK);
    require(edited(&plugin, effect, "analyse") == OFX_OK);
    require(edited(&plugin, effect, "amount") == OFX_REPLY_DEFAULT);
    require(edited(&plugin, effect, "a parameter of tomorrow, with a name that is longer than any of ours can be")
            == OFX_REPLY_DEFAULT);
    render_small(&plugin, effect, 1);
    require(edited(&plugin, effect, "amount") == OFX_REPLY_DEFAULT);
    require(strcmp(effect_param(effect, "status")->text, "passed through") == 0);
    instance_free(&plugin, effect);
    picture_free(source);
    plugin_close(&plugin);
}

/* One frame of that kind and size between two ways of lying in memory; only the window is written. */
static void play_frame(const struct plugin *plugin, struct effect *effect, const struct kind *kind,
                       const struct ofx_rect_i *bounds, int padding, const struct ofx_rect_i *window)
{
    struct picture *from = picture_new(kind, bounds, padding, 1), *to = picture_new(kind, bounds, -padding, 2);
    struct picture *before = picture_new(kind, bounds, -padding, 2);
    effect_clip(effect, "Source")->picture = from;
    effect_clip(effect, "Output")->picture = to;
    require(render(plugin, effect, 0.0, window) == OFX_OK);
    require(picture_came_through(to, before, from, window));
    picture_free(from);
    picture_free(to);
    picture_free(before);
}

/* Every kind, with sizes that fill no page, rows that go up and down, and gaps that align with nothing. */
void play_pictures(const char *path)
{
    static const struct ofx_rect_i all_bounds[] = {
        {0, 0, 1, 1},
        {-7, -3, 10, 8},
        {5, 1000, 134, 1043},
        {INT_MIN, INT_MIN, INT_MIN + 4, INT_MIN + 7},
        {INT_MAX - 7, INT_MAX - 3, INT_MAX, INT_MAX},
    };
    struct plugin plugin = open_here(path);
    struct effect *effect = instance_new(&plugin);
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t place = 0; place < sizeof all_bounds / sizeof *all_bounds; place++) {
            play_frame(&plugin, effect, &kinds[kind], &all_bounds[place], 7, &all_bounds[place]);
            play_frame(&plugin, effect, &kinds[kind], &all_bounds[place], -1, &all_bounds[place]);
        }
    }
    instance_free(&plugin, effect);
    plugin_close(&plugin);
}

/* Windows in the picture; and no colour wanted, where the source is copied without the helper. */
void play_windows(const char *path)
{
    static const struct ofx_rect_i bounds = {-5, 3, 28, 30};
    static const struct ofx_rect_i windows[] = {{-5, 3, 28, 30}, {-4, 4, 27, 29}, {27, 29, 28, 30}, {0, 10, 0, 10}};
    struct plugin plugin = open_here(path);
    struct effect *effect = instance_new(&plugin);
    for (size_t place = 0; place < sizeof windows / sizeof *windows; place++)
        play_frame(&plugin, effect, &kinds[3], &bounds, 2, &windows[place]);
    struct entry *mix = entry_of(&effect_param(effect, "mix")->properties, "OfxParamPropDefault");
    mix->values[0].number = 0.0;
    for (size_t place = 0; place < sizeof windows / sizeof *windows; place++)
        play_frame(&plugin, effect, &kinds[5], &bounds, -2, &windows[place]);
    instance_free(&plugin, effect);
    plugin_close(&plugin);
}
