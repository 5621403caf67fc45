#include "instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "log.h"
#include "platform.h"

enum { TEXT = 512 };

struct instance {
    struct instance *next;
    ofx_effect effect;
    uint64_t id;
    uint64_t frames[KC_STATUS_ABORTED + 1]; /* by how they ended */
    char status[TEXT];
    bool status_changed;
    char complaint[TEXT]; /* that stands at the effect now */
    bool complaint_unknown; /* what stands there is from before we knew this instance */
};

static struct instance *first;
static uint64_t last_id;

/* With the lock held. NULL: no memory. */
static struct instance *find(ofx_effect effect, bool make)
{
    for (struct instance *each = first; each != NULL; each = each->next) {
        if (each->effect == effect)
            return each;
    }
    struct instance *fresh = make ? calloc(1, sizeof *fresh) : NULL;
    if (fresh == NULL)
        return NULL;
    fresh->effect = effect;
    fresh->id = ++last_id;
    fresh->complaint_unknown = true;
    fresh->next = first;
    first = fresh;
    return fresh;
}

uint64_t kc_instance_id(ofx_effect effect)
{
    kc_lock();
    struct instance *found = find(effect, true);
    uint64_t id = found == NULL ? 0 : found->id;
    kc_unlock();
    return id;
}

void kc_instance_add(ofx_effect effect)
{
    kc_lock();
    struct instance *made = find(effect, true);
    if (made != NULL)
        made->complaint_unknown = false;
    kc_unlock();
}

static void report(const struct instance *instance)
{
    const uint64_t *frames = instance->frames;
    if (frames[KC_STATUS_OK] + frames[KC_STATUS_PROVISIONAL] + frames[KC_STATUS_FAILED] > 0)
        kc_log("instance %llu: %llu frames coloured, %llu provisional, %llu without colour",
               (unsigned long long)instance->id, (unsigned long long)frames[KC_STATUS_OK],
               (unsigned long long)frames[KC_STATUS_PROVISIONAL], (unsigned long long)frames[KC_STATUS_FAILED]);
}

uint64_t kc_instance_remove(ofx_effect effect)
{
    struct instance *removed = NULL;
    uint64_t id = 0;
    kc_lock();
    for (struct instance **link = &first; *link != NULL; link = &(*link)->next) {
        if ((*link)->effect == effect) {
            removed = *link;
            *link = removed->next;
            break;
        }
    }
    kc_unlock();
    if (removed != NULL) {
        id = removed->id;
        report(removed);
        free(removed);
    }
    return id;
}

void kc_instance_remove_all(void)
{
    kc_lock();
    struct instance *each = first;
    first = NULL;
    kc_unlock();
    while (each != NULL) {
        struct instance *next = each->next;
        report(each);
        free(each);
        each = next;
    }
}

void kc_instance_note(ofx_effect effect, enum kc_status status, const char *text)
{
    kc_lock();
    struct instance *found = find(effect, true);
    if (found != NULL) {
        found->frames[status]++;
        if (strcmp(found->status, text) != 0) {
            snprintf(found->status, sizeof found->status, "%s", text);
            found->status_changed = true;
        }
    }
    kc_unlock();
}

bool kc_instance_take_status(ofx_effect effect, char *text, size_t room)
{
    kc_lock();
    struct instance *found = find(effect, false);
    bool changed = found != NULL && found->status_changed;
    if (changed) {
        snprintf(text, room, "%s", found->status);
        found->status_changed = false;
    }
    kc_unlock();
    return changed;
}

/* Takes over the new complaint; whether it is another one than before. */
static bool exchange(ofx_effect effect, const char *text)
{
    kc_lock();
    struct instance *found = find(effect, true);
    bool other = found != NULL && (found->complaint_unknown || strcmp(found->complaint, text) != 0);
    if (other) {
        snprintf(found->complaint, sizeof found->complaint, "%s", text);
        found->complaint_unknown = false;
    }
    kc_unlock();
    return other;
}

void kc_instance_complain(ofx_effect effect, const char *text)
{
    if (!exchange(effect, text == NULL ? "" : text) || kc_host.message == NULL)
        return;
    if (!kc_host.message_persists) {
        if (text != NULL)
            kc_host.message->message((void *)effect, "OfxMessageError", "kinemacolor", "%s", text);
    } else if (text == NULL) {
        kc_host.message->clear_persistent((void *)effect);
    } else {
        kc_host.message->set_persistent((void *)effect, "OfxMessageError", "kinemacolor", "%s", text);
    }
}
