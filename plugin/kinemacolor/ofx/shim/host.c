#include "host.h"

#include <string.h>

#include "platform.h"

struct kc_host kc_host;

void kc_host_set(const struct ofx_host *host)
{
    kc_host_forget();
    /* Hosts say it again while other threads render. */
    if (kc_host.host != host)
        kc_host.host = host;
}

/* Whether the suites are those of the host as it is now. Nothing is taken away meanwhile: another thread may render. */
static bool fetched;

void kc_host_forget(void)
{
    kc_lock();
    fetched = false;
    kc_unlock();
}

static const void *suite(const char *name, int version)
{
    return kc_host.host->fetch_suite(kc_host.host->properties, name, version);
}

static struct kc_host fetch_all(void)
{
    struct kc_host host = {
        .host = kc_host.host,
        .property = suite("OfxPropertySuite", 1),
        .effect = suite("OfxImageEffectSuite", 1),
        .param = suite("OfxParameterSuite", 1),
        /* Without these two the host is less talkative, but works. */
        .message = suite("OfxMessageSuite", 2),
        .progress_2 = suite("OfxProgressSuite", 2),
    };
    host.message_persists = host.message != NULL;
    if (host.message == NULL)
        host.message = suite("OfxMessageSuite", 1);
    if (host.progress_2 == NULL)
        host.progress_1 = suite("OfxProgressSuite", 1);
    return host;
}

static bool is_same(const struct kc_host *one, const struct kc_host *other)
{
    return one->host == other->host && one->property == other->property && one->effect == other->effect &&
           one->param == other->param && one->message == other->message &&
           one->message_persists == other->message_persists && one->progress_1 == other->progress_1 &&
           one->progress_2 == other->progress_2;
}

bool kc_host_ready(void)
{
    if (kc_host.host == NULL || kc_host.host->fetch_suite == NULL)
        return false;
    kc_lock();
    bool ready = fetched;
    kc_unlock();
    if (ready)
        return true;
    struct kc_host fresh = fetch_all();
    ready = fresh.property != NULL && fresh.effect != NULL && fresh.param != NULL;
    kc_lock();
    /* Frames on their way read it without the lock: what is the same is not written again. */
    if (ready && !fetched && !is_same(&kc_host, &fresh))
        kc_host = fresh;
    fetched = ready;
    kc_unlock();
    return ready;
}

const char *kc_host_string(const char *name, const char *fallback)
{
    return kc_host.host == NULL ? fallback : kc_string_or(kc_host.host->properties, name, 0, fallback);
}

int kc_host_int(const char *name, int index, int fallback)
{
    return kc_host.host == NULL ? fallback : kc_int_or(kc_host.host->properties, name, index, fallback);
}

bool kc_host_ignores_failure(void)
{
    /* MLT (melt, Kdenlive, Shotcut) hands the untouched frame on, exits with 0 and prints nothing. */
    return strcmp(kc_host_string("OfxPropName", ""), "MLT") == 0;
}

/* ---- properties ---- */

void kc_set_string(ofx_properties set, const char *name, int index, const char *value)
{
    if (set != NULL && kc_host.property != NULL)
        kc_host.property->set_string(set, name, index, value);
}

void kc_set_int(ofx_properties set, const char *name, int index, int value)
{
    if (set != NULL && kc_host.property != NULL)
        kc_host.property->set_int(set, name, index, value);
}

void kc_set_double(ofx_properties set, const char *name, int index, double value)
{
    if (set != NULL && kc_host.property != NULL)
        kc_host.property->set_double(set, name, index, value);
}

int kc_int_or(ofx_properties set, const char *name, int index, int fallback)
{
    int value = fallback;
    if (set == NULL || kc_host.property == NULL || kc_host.property->get_int(set, name, index, &value) != OFX_OK)
        return fallback;
    return value;
}

double kc_double_or(ofx_properties set, const char *name, int index, double fallback)
{
    double value = fallback;
    if (set == NULL || kc_host.property == NULL || kc_host.property->get_double(set, name, index, &value) != OFX_OK)
        return fallback;
    return value;
}

const char *kc_string_or(ofx_properties set, const char *name, int index, const char *fallback)
{
    char *value = NULL;
    if (set == NULL || kc_host.property == NULL || kc_host.property->get_string(set, name, index, &value) != OFX_OK)
        return fallback;
    return value == NULL ? fallback : value;
}

void *kc_pointer_or_null(ofx_properties set, const char *name)
{
    void *value = NULL;
    if (set == NULL || kc_host.property == NULL || kc_host.property->get_pointer(set, name, 0, &value) != OFX_OK)
        return NULL;
    return value;
}

bool kc_rect(ofx_properties set, const char *name, struct ofx_rect_i *rect)
{
    int values[4];
    for (int index = 0; index < 4; index++) {
        if (set == NULL || kc_host.property->get_int(set, name, index, &values[index]) != OFX_OK)
            return false;
    }
    *rect = (struct ofx_rect_i){values[0], values[1], values[2], values[3]};
    return true;
}
