/* Effects and their clips, and the suite for them. */
#include <stdlib.h>
#include <string.h>

#include "driver.h"

struct effect *effect_new(void)
{
    struct effect *effect = calloc(1, sizeof *effect);
    require(effect != NULL);
    return effect;
}

struct clip *effect_clip(struct effect *effect, const char *name)
{
    for (int place = 0; place < effect->clip_count; place++) {
        if (strcmp(effect->clips[place].name, name) == 0)
            return &effect->clips[place];
    }
    return NULL;
}

struct param *effect_param(struct effect *effect, const char *name)
{
    for (int place = 0; place < effect->param_count; place++) {
        if (strcmp(effect->params[place]->name, name) == 0)
            return effect->params[place];
    }
    return NULL;
}

static void param_free(struct param *param)
{
    set_free(&param->properties);
    free(param->type);
    free(param->name);
    free(param->text);
    free(param);
}

void effect_free(struct effect *effect)
{
    require(effect->images_out == 0 && effect->progress_open == 0);
    for (int place = 0; place < effect->clip_count; place++) {
        set_free(&effect->clips[place].properties);
        free(effect->clips[place].name);
    }
    for (int place = 0; place < effect->param_count; place++)
        param_free(effect->params[place]);
    set_free(&effect->properties);
    free(effect);
}

/* ---- the suite ---- */

static ofx_status get_properties(ofx_effect handle, ofx_properties *set)
{
    *set = handle_of(&((struct effect *)handle)->properties);
    return OFX_OK;
}

static ofx_status get_params(ofx_effect handle, ofx_params *params)
{
    *params = (ofx_params)handle;
    return OFX_OK;
}

static ofx_status clip_define(ofx_effect handle, const char *name, ofx_properties *set)
{
    struct effect *effect = (struct effect *)handle;
    require(effect->clip_count < CLIPS && effect_clip(effect, name) == NULL);
    struct clip *clip = &effect->clips[effect->clip_count++];
    *clip = (struct clip){.name = strdup(name), .effect = effect};
    *set = handle_of(&clip->properties);
    return OFX_OK;
}

static ofx_status clip_handle(ofx_effect handle, const char *name, ofx_clip *clip, ofx_properties *set)
{
    struct clip *found = effect_clip((struct effect *)handle, name);
    if (found == NULL)
        return OFX_ERR_BAD_HANDLE;
    *clip = (ofx_clip)found;
    if (set != NULL)
        *set = handle_of(&found->properties);
    return OFX_OK;
}

/* An image is a set of its own on the heap: used after its release, it is seen. It knows its effect. */
static ofx_status clip_image(ofx_clip handle, double time, const struct ofx_rect_d *region, ofx_properties *image)
{
    struct clip *clip = (struct clip *)handle;
    (void)time, (void)region;
    if (clip->picture == NULL)
        return OFX_FAILED;
    struct set *set = calloc(1, sizeof *set);
    require(set != NULL);
    picture_describe(clip->picture, set);
    set_pointer(set, "driver effect", clip->effect);
    clip->effect->images_out++;
    *image = handle_of(set);
    return OFX_OK;
}

static ofx_status clip_release(ofx_properties image)
{
    struct set *set = (struct set *)image;
    struct effect *effect = entry_of(set, "driver effect")->values[0].pointer;
    effect->images_out--;
    set_free(set);
    free(set);
    return OFX_OK;
}

static ofx_status clip_definition(ofx_clip handle, double time, struct ofx_rect_d *region)
{
    const struct picture *picture = ((struct clip *)handle)->picture;
    (void)time;
    if (picture == NULL)
        return OFX_FAILED;
    const struct ofx_rect_i *bounds = &picture->bounds;
    *region = (struct ofx_rect_d){bounds->x1, bounds->y1, bounds->x2, bounds->y2};
    return OFX_OK;
}

static int suite_abort(ofx_effect handle)
{
    return atomic_load(&((struct effect *)handle)->aborts);
}

const struct ofx_effect_suite effect_suite = {
    .get_properties = get_properties,
    .get_params = get_params,
    .clip_define = clip_define,
    .clip_handle = clip_handle,
    .clip_image = clip_image,
    .clip_release = clip_release,
    .clip_definition = clip_definition,
    .abort = suite_abort,
};
