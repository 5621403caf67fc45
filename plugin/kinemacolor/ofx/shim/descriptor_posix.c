#define _GNU_SOURCE
#include "descriptor.h"

#include <fcntl.h>
#include <unistd.h>

enum { LOWEST = 10 };

int kc_raise_descriptor(int descriptor)
{
    if (descriptor < 0)
        return -1;
    int raised = fcntl(descriptor, F_DUPFD_CLOEXEC, LOWEST);
    close(descriptor);
    return raised;
}
