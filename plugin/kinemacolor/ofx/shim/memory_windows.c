/* Built, and run in Wine; not on Windows itself.
 *
 * A section of Windows never grows. So one of the largest size is reserved, which costs neither memory nor page file, and
 * mapped once; its pages are committed as pictures need them. A file in the temporary folder could grow, but every page
 * would also go to the disk, and somebody could find it there. */
#include "memory.h"

#include <windows.h>

#include "wire.h"

static const uint64_t reserved = KC_MEMORY_HEAD_BYTES + 2 * KC_PICTURE_LIMIT_BYTES;

bool kc_memory_create(struct kc_memory *memory)
{
    /* Without a name nobody else can open it. */
    HANDLE section = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE,
                                        (DWORD)(reserved >> 32), (DWORD)reserved, NULL);
    if (section == NULL)
        return false;
    memory->handle = (intptr_t)section;
    memory->base = MapViewOfFile(section, FILE_MAP_WRITE, 0, 0, 0);
    return memory->base != NULL;
}

bool kc_memory_grow(struct kc_memory *memory, uint64_t bytes)
{
    /* Committed now, for both sides: a page that is missing later would be a fault in the host. Those that are committed
     * stay as they are. */
    if (bytes > reserved || VirtualAlloc(memory->base, bytes, MEM_COMMIT, PAGE_READWRITE) == NULL)
        return false;
    memory->bytes = bytes;
    return true;
}

void kc_memory_release(struct kc_memory *memory)
{
    if (memory->base != NULL)
        UnmapViewOfFile(memory->base);
    if (memory->handle != -1)
        CloseHandle((HANDLE)memory->handle);
}
