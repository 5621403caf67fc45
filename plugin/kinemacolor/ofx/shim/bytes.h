/* Messages as bytes: little endian numbers and texts, appended and taken off with bounds. */
#ifndef KC_BYTES_H
#define KC_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* A message that is written: room for its header, then its payload. Too much is remembered, never written. */
struct kc_writer {
    size_t used; /* of the payload */
    bool full;
    uint8_t bytes[KC_HEADER_BYTES + KC_MAX_PAYLOAD_BYTES];
};

void kc_writer_begin(struct kc_writer *writer);
void kc_put_u32(struct kc_writer *writer, uint32_t value);
void kc_put_i32(struct kc_writer *writer, int32_t value);
void kc_put_u64(struct kc_writer *writer, uint64_t value);
void kc_put_f64(struct kc_writer *writer, double value);
void kc_put_text(struct kc_writer *writer, const char *text);

/* A payload that is read. Reading over its end gives zeros and is remembered. */
struct kc_reader {
    const uint8_t *bytes;
    size_t left;
    bool short_of;
};

uint32_t kc_take_u32(struct kc_reader *reader);
uint64_t kc_take_u64(struct kc_reader *reader);
double kc_take_f64(struct kc_reader *reader);
/* Cut to the room, always ended; control characters become spaces. */
void kc_take_text(struct kc_reader *reader, char *text, size_t room);
/* Whether all was there and nothing is left. */
bool kc_reader_ended(const struct kc_reader *reader);

#endif
