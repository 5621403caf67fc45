#include "bytes.h"

#include <string.h>

#if defined(__BYTE_ORDER__)
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the wire is little endian and so must the machine be");
#endif
_Static_assert(sizeof(double) == 8, "doubles are IEEE 754");

void kc_writer_begin(struct kc_writer *writer)
{
    writer->used = 0;
    writer->full = false;
}

static void put(struct kc_writer *writer, const void *bytes, size_t count)
{
    if (writer->full || count > KC_MAX_PAYLOAD_BYTES - writer->used) {
        writer->full = true;
        return;
    }
    memcpy(writer->bytes + KC_HEADER_BYTES + writer->used, bytes, count);
    writer->used += count;
}

void kc_put_u32(struct kc_writer *writer, uint32_t value)
{
    put(writer, &value, sizeof value);
}

void kc_put_i32(struct kc_writer *writer, int32_t value)
{
    put(writer, &value, sizeof value);
}

void kc_put_u64(struct kc_writer *writer, uint64_t value)
{
    put(writer, &value, sizeof value);
}

void kc_put_f64(struct kc_writer *writer, double value)
{
    put(writer, &value, sizeof value);
}

void kc_put_text(struct kc_writer *writer, const char *text)
{
    size_t length = strlen(text);
    if (length > KC_MAX_PAYLOAD_BYTES) {
        writer->full = true;
        return;
    }
    kc_put_u32(writer, (uint32_t)length);
    put(writer, text, length);
}

static void take(struct kc_reader *reader, void *bytes, size_t count)
{
    if (reader->short_of || count > reader->left) {
        reader->short_of = true;
        memset(bytes, 0, count);
        return;
    }
    memcpy(bytes, reader->bytes, count);
    reader->bytes += count;
    reader->left -= count;
}

uint32_t kc_take_u32(struct kc_reader *reader)
{
    uint32_t value;
    take(reader, &value, sizeof value);
    return value;
}

uint64_t kc_take_u64(struct kc_reader *reader)
{
    uint64_t value;
    take(reader, &value, sizeof value);
    return value;
}

double kc_take_f64(struct kc_reader *reader)
{
    double value;
    take(reader, &value, sizeof value);
    return value;
}

void kc_take_text(struct kc_reader *reader, char *text, size_t room)
{
    uint32_t length = kc_take_u32(reader);
    text[0] = '\0';
    if (reader->short_of || length > reader->left) {
        reader->short_of = true;
        return;
    }
    size_t kept = length < room ? length : room - 1;
    /* Not in the middle of a letter. */
    while (kept < length && kept > 0 && (reader->bytes[kept] & 0xC0) == 0x80)
        kept--;
    for (size_t index = 0; index < kept; index++)
        text[index] = reader->bytes[index] < ' ' ? ' ' : (char)reader->bytes[index];
    text[kept] = '\0';
    reader->bytes += length;
    reader->left -= length;
}

bool kc_reader_ended(const struct kc_reader *reader)
{
    return !reader->short_of && reader->left == 0;
}
