/* Built, not run. Shared memory of macOS takes a size once, so the whole bound is reserved; its pages come with use. */
#include "memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descriptor.h"
#include "platform.h"
#include "wire.h"

static const uint64_t reserved = KC_MEMORY_HEAD_BYTES + 2 * KC_PICTURE_LIMIT_BYTES;

bool kc_memory_create(struct kc_memory *memory)
{
    char name[30];
    snprintf(name, sizeof name, "/kc%ld.%u", kc_process_id(), (unsigned)memory->generation);
    int descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (descriptor < 0)
        return false;
    shm_unlink(name);
    descriptor = kc_raise_descriptor(descriptor);
    if (descriptor < 0)
        return false;
    memory->handle = descriptor;
    return ftruncate(descriptor, (off_t)reserved) == 0;
}

bool kc_memory_grow(struct kc_memory *memory, uint64_t bytes)
{
    if (bytes > reserved)
        return false;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, (int)memory->handle, 0);
    if (base == MAP_FAILED)
        return false;
    if (memory->base != NULL)
        munmap(memory->base, memory->bytes);
    memory->base = base;
    memory->bytes = bytes;
    return true;
}

void kc_memory_release(struct kc_memory *memory)
{
    if (memory->base != NULL)
        munmap(memory->base, memory->bytes);
    if (memory->handle >= 0)
        close((int)memory->handle);
}
