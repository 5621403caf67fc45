#include "memory.h"

#include <string.h>

#include "wire.h"

static void write_head(const struct kc_memory *memory)
{
    struct kc_memory_head head = {
        .magic = KC_MEMORY_MAGIC,
        .version = KC_PROTOCOL_VERSION,
        .generation = memory->generation,
        .slots = memory->slots,
        .bytes = memory->bytes,
        .slot_bytes = memory->slot_bytes,
    };
    memcpy(memory->base, &head, sizeof head);
}

bool kc_memory_open(struct kc_memory *memory, uint32_t generation)
{
    *memory = (struct kc_memory){.handle = -1, .generation = generation};
    if (!kc_memory_create(memory) || !kc_memory_grow(memory, KC_MEMORY_HEAD_BYTES)) {
        kc_memory_close(memory);
        return false;
    }
    write_head(memory);
    return true;
}

bool kc_memory_fit(struct kc_memory *memory, uint64_t slot_bytes, uint32_t slots)
{
    uint64_t page = KC_MEMORY_HEAD_BYTES;
    uint64_t wanted = (slot_bytes + page - 1) / page * page;
    if (wanted <= memory->slot_bytes && slots <= memory->slots)
        return true;
    if (wanted < memory->slot_bytes)
        wanted = memory->slot_bytes;
    if (slots < memory->slots)
        slots = memory->slots;
    if (!kc_memory_grow(memory, page + wanted * slots))
        return false;
    memory->slot_bytes = wanted;
    memory->slots = slots;
    write_head(memory);
    return true;
}

uint8_t *kc_memory_slot(const struct kc_memory *memory, uint32_t index)
{
    return memory->base + KC_MEMORY_HEAD_BYTES + index * memory->slot_bytes;
}

void kc_memory_close(struct kc_memory *memory)
{
    kc_memory_release(memory);
    *memory = (struct kc_memory){.handle = -1};
}
