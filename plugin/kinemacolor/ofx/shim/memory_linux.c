#define _GNU_SOURCE
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "descriptor.h"

/* From linux/memfd.h and linux/fcntl.h, which older systems to build on lack. */
enum { CLOSE_ON_EXEC = 1, ALLOW_SEALING = 2, ADD_SEALS = 1033, SEAL_SHRINK = 2 };

bool kc_memory_create(struct kc_memory *memory)
{
    int descriptor = kc_raise_descriptor((int)syscall(SYS_memfd_create, "kinemacolor", CLOSE_ON_EXEC | ALLOW_SEALING));
    if (descriptor < 0)
        return false;
    /* A helper that went mad cannot cut the memory off under the host. */
    fcntl(descriptor, ADD_SEALS, SEAL_SHRINK);
    memory->handle = descriptor;
    return true;
}

bool kc_memory_grow(struct kc_memory *memory, uint64_t bytes)
{
    int error;
    struct rlimit limit;
    /* More would be a signal in the host. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur)
        return false;
    /* Reserved now: a page that is missing later would be a signal in the host. */
    do
        error = posix_fallocate((int)memory->handle, 0, (off_t)bytes);
    while (error == EINTR);
    if (error != 0)
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
