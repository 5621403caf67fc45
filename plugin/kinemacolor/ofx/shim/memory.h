/* Memory that shim and helper both see: a head page, then slots for pictures. A new one for every helper. */
#ifndef KC_MEMORY_H
#define KC_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct kc_memory {
    intptr_t handle; /* of the system; -1: none */
    uint8_t *base;
    uint64_t bytes;      /* that are mapped */
    uint64_t slot_bytes; /* of each slot, whole pages */
    uint32_t slots;
    uint32_t generation;
};

/* The head page as the helper reads it. */
struct kc_memory_head {
    uint32_t magic, version, generation, slots;
    uint64_t bytes, slot_bytes;
};

/* Makes a memory with no slots. */
bool kc_memory_open(struct kc_memory *memory, uint32_t generation);
/* Makes room for so many slots of that size. Only ever grows: the helper's mapping stays valid. */
bool kc_memory_fit(struct kc_memory *memory, uint64_t slot_bytes, uint32_t slots);
uint8_t *kc_memory_slot(const struct kc_memory *memory, uint32_t index);
void kc_memory_close(struct kc_memory *memory);

/* ---- the system's part ---- */

bool kc_memory_create(struct kc_memory *memory);
/* Gives the memory that size and maps it; what was mapped before is unmapped. Fails rather than fault later. */
bool kc_memory_grow(struct kc_memory *memory, uint64_t bytes);
void kc_memory_release(struct kc_memory *memory);

#endif
