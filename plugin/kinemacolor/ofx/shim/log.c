#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "platform.h"
#include "wire.h"

enum { LINE_BYTES = 2048 };

bool kc_log_path(char *path, size_t room)
{
    return kc_environment("KINEMACOLOR_OFX_LOG", path, room) || kc_log_default_path(path, room);
}

/* One line stays one line, whatever a path or a message contains. */
static void flatten(char *line)
{
    for (; *line != '\0'; line++) {
        if ((unsigned char)*line < ' ')
            *line = ' ';
    }
}

void kc_log(const char *format, ...)
{
    char path[KC_TEXT_LIMIT], line[LINE_BYTES], when[32];
    if (!kc_log_path(path, sizeof path))
        return;
    kc_timestamp(when, sizeof when);
    int head = snprintf(line, sizeof line, "%s %ld ", when, kc_process_id());
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + head, sizeof line - (size_t)head - 1, format, arguments);
    va_end(arguments);
    flatten(line);
    size_t length = strlen(line);
    line[length] = '\n';
    kc_log_append(path, line, length + 1);
}
