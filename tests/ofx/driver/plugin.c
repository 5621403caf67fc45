/* The effect's library, and the actions that every host plays. */
#include <dlfcn.h>
#include <string.h>

#include "driver.h"

struct plugin plugin_open(const char *path, struct ofx_host *host)
{
    struct plugin plugin = {.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    require(plugin.library != NULL);
    int (*count)(void) = (int (*)(void))dlsym(plugin.library, "OfxGetNumberOfPlugins");
    struct ofx_plugin *(*get)(int) = (struct ofx_plugin * (*)(int)) dlsym(plugin.library, "OfxGetPlugin");
    ofx_status (*set_host)(const struct ofx_host *) =
        (ofx_status(*)(const struct ofx_host *))dlsym(plugin.library, "OfxSetHost");
    require(count != NULL && get != NULL && set_host != NULL);
    require(set_host(host) == OFX_OK && count() == 1 && get(1) == NULL && get(-1) == NULL);
    plugin.entry = get(0);
    require(plugin.entry != NULL);
    plugin.entry->set_host(host);
    require(act(&plugin, "OfxActionLoad", NULL, NULL, NULL) == OFX_OK);
    return plugin;
}

void plugin_close(struct plugin *plugin)
{
    require(act(plugin, "OfxActionUnload", NULL, NULL, NULL) == OFX_OK);
    require(dlclose(plugin->library) == 0);
    *plugin = (struct plugin){0};
}

ofx_status act(const struct plugin *plugin, const char *action, struct effect *effect, struct set *in, struct set *out)
{
    return plugin->entry->main_entry(action, effect, in == NULL ? NULL : handle_of(in),
                                     out == NULL ? NULL : handle_of(out));
}

struct effect *instance_new(const struct plugin *plugin)
{
    struct effect *effect = effect_new();
    struct set context = {0};
    set_text(&context, "OfxImageEffectPropContext", 0, "OfxImageEffectContextFilter");
    require(act(plugin, "OfxActionDescribe", effect, NULL, NULL) == OFX_OK);
    require(act(plugin, "OfxImageEffectActionDescribeInContext", effect, &context, NULL) == OFX_OK);
    set_free(&context);
    require(act(plugin, "OfxActionCreateInstance", effect, NULL, NULL) == OFX_OK);
    return effect;
}

void instance_free(const struct plugin *plugin, struct effect *effect)
{
    require(act(plugin, "OfxActionDestroyInstance", effect, NULL, NULL) == OFX_OK);
    effect_free(effect);
}

ofx_status render(const struct plugin *plugin, struct effect *effect, double time, const struct ofx_rect_i *window)
{
    struct set in = {0};
    set_number(&in, "OfxPropTime", 0, time);
    set_number(&in, "OfxImageEffectPropRenderScale", 0, 1.0);
    set_number(&in, "OfxImageEffectPropRenderScale", 1, 1.0);
    set_text(&in, "OfxImageEffectPropFieldToRender", 0, "OfxFieldNone");
    set_rect(&in, "OfxImageEffectPropRenderWindow", window);
    ofx_status status = act(plugin, "OfxImageEffectActionRender", effect, &in, NULL);
    set_free(&in);
    return status;
}

void render_small(const struct plugin *plugin, struct effect *effect, unsigned seed)
{
    const struct ofx_rect_i bounds = {-3, 5, 14 + (int)(seed % 7), 18};
    const struct kind *kind = &kinds[seed % KINDS];
    struct picture *from = picture_new(kind, &bounds, 3, seed), *to = picture_new(kind, &bounds, -5, seed + 1);
    struct picture *before = picture_new(kind, &bounds, -5, seed + 1);
    effect_clip(effect, "Source")->picture = from;
    effect_clip(effect, "Output")->picture = to;
    require(render(plugin, effect, seed, &bounds) == OFX_OK);
    require(picture_came_through(to, before, from, &bounds));
    effect_clip(effect, "Source")->picture = effect_clip(effect, "Output")->picture = NULL;
    picture_free(from);
    picture_free(to);
    picture_free(before);
}

ofx_status render_into(const struct plugin *plugin, struct effect *effect, struct picture *output)
{
    struct picture *source = picture_new(&output->kind, &output->bounds, -3, 5);
    effect_clip(effect, "Source")->picture = source;
    effect_clip(effect, "Output")->picture = output;
    ofx_status status = render(plugin, effect, 1.0, &output->bounds);
    picture_free(source);
    effect_clip(effect, "Source")->picture = effect_clip(effect, "Output")->picture = NULL;
    return status;
}

ofx_status render_some(const struct plugin *plugin, struct effect *effect)
{
    const struct ofx_rect_i bounds = {-1, -1, 300, 90};
    struct picture *output = picture_new(&kinds[0], &bounds, 3, 6);
    ofx_status status = render_into(plugin, effect, output);
    picture_free(output);
    return status;
}
