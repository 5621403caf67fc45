/* The three functions that a host looks for, and the way from an action's name to what does it. */
#include <string.h>

#include "abi.h"
#include "changed.h"
#include "describe.h"
#include "helper.h"
#include "host.h"
#include "instance.h"
#include "parameters.h"
#include "preferences.h"
#include "render.h"

static ofx_status load(void)
{
    return kc_host_ready() ? OFX_OK : OFX_ERR_MISSING_HOST_FEATURE;
}

static ofx_status unload(void)
{
    kc_helper_stop_all();
    /* The library may be gone in a moment, and what it allocated with it. */
    kc_instance_remove_all();
    kc_host_forget();
    return OFX_OK;
}

static ofx_status destroy(ofx_effect effect)
{
    uint64_t id = kc_instance_remove(effect);
    if (id != 0)
        kc_helper_forget(id);
    return OFX_OK;
}

static ofx_status create(ofx_effect effect)
{
    /* Not every host says that the one which had this handle before is gone. */
    destroy(effect);
    kc_instance_add(effect);
    return OFX_OK;
}

/* An action that may set parameters. */
static ofx_status sync(ofx_effect effect)
{
    kc_show_status(effect);
    return OFX_OK;
}

static ofx_status act(const char *action, ofx_effect effect, ofx_properties in, ofx_properties out)
{
    if (strcmp(action, "OfxImageEffectActionRender") == 0)
        return kc_render(effect, in);
    if (strcmp(action, "OfxImageEffectActionIsIdentity") == 0)
        return kc_is_identity(effect, in, out);
    if (strcmp(action, "OfxImageEffectActionGetClipPreferences") == 0)
        return kc_clip_preferences(effect, out);
    if (strcmp(action, "OfxImageEffectActionGetRegionsOfInterest") == 0)
        return kc_regions_of_interest(effect, in, out);
    if (strcmp(action, "OfxImageEffectActionGetFramesNeeded") == 0)
        return kc_frames_needed(in, out);
    if (strcmp(action, "OfxImageEffectActionGetOutputColourspace") == 0)
        return kc_output_colourspace(out);
    if (strcmp(action, "OfxActionInstanceChanged") == 0)
        return kc_changed(effect, in);
    if (strcmp(action, "OfxActionSyncPrivateData") == 0 || strcmp(action, "OfxActionEndInstanceEdit") == 0)
        return sync(effect);
    if (strcmp(action, "OfxActionCreateInstance") == 0)
        return create(effect);
    if (strcmp(action, "OfxActionDestroyInstance") == 0)
        return destroy(effect);
    if (strcmp(action, "OfxActionDescribe") == 0)
        return kc_describe(effect);
    if (strcmp(action, "OfxImageEffectActionDescribeInContext") == 0)
        return kc_describe_in_context(effect);
    /* Sequences, too: hosts begin and end one around every frame, so nothing may hang on it. */
    return OFX_REPLY_DEFAULT;
}

static ofx_status main_entry(const char *action, const void *handle, ofx_properties in, ofx_properties out)
{
    if (action == NULL)
        return OFX_FAILED;
    if (strcmp(action, "OfxActionLoad") == 0)
        return load();
    if (strcmp(action, "OfxActionUnload") == 0)
        return unload();
    /* Hosts unload and go on without another load: what is needed is fetched when it is needed. */
    if (!kc_host_ready())
        return OFX_ERR_MISSING_HOST_FEATURE;
    return handle == NULL ? OFX_ERR_BAD_HANDLE : act(action, (ofx_effect)handle, in, out);
}

static void set_host(struct ofx_host *host)
{
    kc_host_set(host);
}

static struct ofx_plugin plugin = {
    .api = "OfxImageEffectPluginAPI",
    .api_version = 1,
    .identifier = KC_EFFECT_ID,
    .version_major = KC_EFFECT_MAJOR,
    .version_minor = KC_EFFECT_MINOR,
    .set_host = set_host,
    .main_entry = main_entry,
};

KC_EXPORT int OfxGetNumberOfPlugins(void);
KC_EXPORT struct ofx_plugin *OfxGetPlugin(int number);
KC_EXPORT ofx_status OfxSetHost(const struct ofx_host *host);

int OfxGetNumberOfPlugins(void)
{
    return 1;
}

struct ofx_plugin *OfxGetPlugin(int number)
{
    return number == 0 ? &plugin : NULL;
}

ofx_status OfxSetHost(const struct ofx_host *host)
{
    kc_host_set(host);
    return OFX_OK;
}
