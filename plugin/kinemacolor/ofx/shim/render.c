#include "render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clip.h"
#include "errorpicture.h"
#include "helper.h"
#include "host.h"
#include "images.h"
#include "instance.h"
#include "log.h"
#include "values.h"

/* One frame may need the whole shot before it, on a slow machine, and not for ever. An analysis may. */
enum { FRAME_LIMIT_MS = 3600000 };

/* What needs more room than a host's thread may have on its stack. */
struct workspace {
    struct kc_values values;
    struct kc_writer payload;
};

/* One frame on its way. */
struct frame {
    ofx_effect effect;
    double time;
    double scale_x, scale_y;
    struct ofx_rect_i window;
    enum kc_purpose purpose;
    bool says_sequential;
    bool temporal;
    char field[32];
    ofx_clip clip; /* Source */
    struct kc_image source, output;
    struct workspace *work;
};

/* ---- what is asked for ---- */

static enum kc_purpose purpose_of(ofx_properties in, double scale_x, double scale_y)
{
    if (strcmp(kc_string_or(in, "OfxImageEffectPropThumbnailRender", 0, "false"), "true") == 0)
        return KC_PURPOSE_THUMBNAIL;
    bool preview = kc_int_or(in, "OfxImageEffectPropInteractiveRenderStatus", 0, 0) != 0 ||
                   kc_int_or(in, "OfxImageEffectPropRenderQualityDraft", 0, 0) != 0 || scale_x != 1.0 ||
                   scale_y != 1.0;
    return preview ? KC_PURPOSE_PREVIEW : KC_PURPOSE_FINAL;
}

static void read_arguments(struct frame *frame, ofx_properties in)
{
    frame->time = kc_double_or(in, "OfxPropTime", 0, 0.0);
    frame->scale_x = kc_double_or(in, "OfxImageEffectPropRenderScale", 0, 1.0);
    frame->scale_y = kc_double_or(in, "OfxImageEffectPropRenderScale", 1, 1.0);
    frame->purpose = purpose_of(in, frame->scale_x, frame->scale_y);
    frame->says_sequential = kc_int_or(in, "OfxImageEffectPropSequentialRenderStatus", 0, 0) == 1;
    frame->temporal = kc_host_int("OfxImageEffectPropTemporalClipAccess", 0, 0) == 1;
    snprintf(frame->field, sizeof frame->field, "%s", kc_string_or(in, "OfxImageEffectPropFieldToRender", 0, ""));
    frame->clip = kc_clip(frame->effect, "Source", NULL);
    if (!kc_rect(in, "OfxImageEffectPropRenderWindow", &frame->window))
        frame->window = frame->output.bounds;
}

static void put_rect(struct kc_writer *writer, const struct ofx_rect_i *rect)
{
    kc_put_i32(writer, rect->x1);
    kc_put_i32(writer, rect->y1);
    kc_put_i32(writer, rect->x2);
    kc_put_i32(writer, rect->y2);
}

static void write_payload(const struct frame *frame)
{
    struct kc_writer *writer = &frame->work->payload;
    kc_writer_begin(writer);
    kc_put_u64(writer, kc_instance_id(frame->effect));
    kc_put_u32(writer, frame->purpose);
    kc_put_f64(writer, frame->time);
    kc_put_f64(writer, frame->scale_x);
    kc_put_f64(writer, frame->scale_y);
    put_rect(writer, &frame->source.bounds);
    put_rect(writer, &frame->source.definition);
    kc_put_u32(writer, frame->source.depth);
    kc_put_u32(writer, frame->source.components);
    kc_put_u32(writer, frame->temporal);
    kc_put_u32(writer, frame->says_sequential);
    kc_put_text(writer, frame->field);
    kc_put_text(writer, frame->source.unique_id);
    kc_clip_put_facts(frame->effect, &frame->source, writer);
    kc_values_put(&frame->work->values, writer);
}

/* ---- what the helper needs meanwhile ---- */

static void fill(void *context, uint8_t *slot)
{
    const struct frame *frame = context;
    kc_image_pack(&frame->source, slot);
}

static void take(void *context, const uint8_t *slot)
{
    const struct frame *frame = context;
    kc_image_unpack(slot, &frame->source, &frame->output, &frame->window);
}

static bool aborted(void *context)
{
    const struct frame *frame = context;
    return kc_host.effect->abort(frame->effect) != 0;
}

static bool fetch(void *context, double time, uint8_t *slot, char *why, size_t room)
{
    const struct frame *frame = context;
    struct kc_image other;
    const char *missing = kc_image_get(frame->clip, time, &other);
    if (missing == NULL && (!kc_image_alike(&other, &frame->source) ||
                            kc_image_width(&other) != kc_image_width(&frame->source) ||
                            kc_image_height(&other) != kc_image_height(&frame->source))) {
        kc_image_release(&other);
        missing = "the host gives that frame in another size";
    }
    if (missing != NULL) {
        snprintf(why, room, "%s", missing);
        return false;
    }
    kc_image_pack(&other, slot);
    kc_image_release(&other);
    return true;
}

/* ---- how it ends ---- */

/* No colour, and why: as a picture or as a failed render, never as an untouched frame. */
static ofx_status fail(const struct frame *frame, bool as_picture, const char *why)
{
    kc_log("frame %g has no colour: %s", frame->time, why);
    kc_instance_note(frame->effect, KC_STATUS_FAILED, why);
    kc_instance_complain(frame->effect, why);
    if (!as_picture)
        return OFX_FAILED;
    kc_error_picture(&frame->output, &frame->window, why);
    return OFX_OK;
}

static ofx_status ask(const struct frame *frame, bool as_picture)
{
    struct kc_answer answer = {.status = KC_STATUS_FAILED};
    const struct kc_request request = {
        .type = KC_SAY_RENDER,
        .payload = &frame->work->payload,
        .picture_bytes = kc_image_bytes(&frame->source),
        /* A host without buttons has the whole film analysed in a frame. */
        .limit_ms = frame->work->values.of[KC_AT_ANALYSENOW].whole != 0 ? 0 : FRAME_LIMIT_MS,
        .fill = fill,
        .take = take,
        .aborted = aborted,
        .fetch = frame->temporal ? fetch : NULL,
        .context = (void *)frame,
    };
    enum kc_end end = kc_helper_ask(&request, &answer);
    if (end == KC_END_ABORTED)
        return OFX_FAILED;
    if (end == KC_END_FAILED || answer.status == KC_STATUS_FAILED)
        return fail(frame, as_picture, answer.text);
    if (answer.status == KC_STATUS_ABORTED)
        return fail(frame, as_picture, "the helper stopped in the middle of the frame");
    kc_instance_note(frame->effect, answer.status, answer.text);
    kc_instance_complain(frame->effect, NULL);
    return OFX_OK;
}

static ofx_status render_source(const struct frame *frame)
{
    const char *too_long = kc_values_read(frame->effect, frame->time, &frame->work->values);
    bool as_picture = kc_values_error_is_picture(&frame->work->values);
    char why[128];
    if (!kc_image_alike(&frame->source, &frame->output))
        return fail(frame, as_picture, "the host's two pictures have different kinds of pixels");
    if (too_long != NULL) {
        snprintf(why, sizeof why, "the text of '%s' is too long", too_long);
        return fail(frame, as_picture, why);
    }
    if (kc_values_change_nothing(&frame->work->values)) {
        kc_image_copy(&frame->source, &frame->output, &frame->window);
        return OFX_OK;
    }
    write_payload(frame);
    if (frame->work->payload.full)
        return fail(frame, as_picture, "the parameters are longer than a message can be");
    return ask(frame, as_picture);
}

/* With the output at hand: gets the source, and the room to work in. */
static ofx_status render_output(struct frame *frame)
{
    const char *missing = kc_image_get(frame->clip, frame->time, &frame->source);
    if (missing != NULL && aborted(frame))
        return OFX_FAILED;
    frame->work = malloc(sizeof *frame->work);
    if (frame->work == NULL || missing != NULL) {
        bool as_picture = kc_host_ignores_failure();
        if (frame->work != NULL) {
            kc_values_read(frame->effect, frame->time, &frame->work->values);
            as_picture = kc_values_error_is_picture(&frame->work->values);
        }
        free(frame->work);
        return fail(frame, as_picture, missing != NULL ? missing : "there is no memory");
    }
    ofx_status status = render_source(frame);
    free(frame->work);
    kc_image_release(&frame->source);
    return status;
}

ofx_status kc_render(ofx_effect effect, ofx_properties in)
{
    struct frame frame = {.effect = effect};
    double time = kc_double_or(in, "OfxPropTime", 0, 0.0);
    const char *missing = kc_image_get(kc_clip(effect, "Output", NULL), time, &frame.output);
    if (missing != NULL) {
        kc_log("frame %g cannot be written: %s", time, missing);
        return OFX_FAILED;
    }
    read_arguments(&frame, in);
    ofx_status status = render_output(&frame);
    kc_image_release(&frame.output);
    return status;
}
