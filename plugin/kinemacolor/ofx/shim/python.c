#include "python.h"

#include <stdio.h>
#include <string.h>

#include "platform.h"
#include "wire.h"

/* The first line, without what an editor may have put around it. */
static void first_line(char *text)
{
    text[strcspn(text, "\r\n")] = '\0';
    size_t length = strlen(text);
    while (length > 0 && (text[length - 1] == ' ' || text[length - 1] == '\t'))
        text[--length] = '\0';
}

bool kc_python(char *path, size_t room, char *why, size_t why_room)
{
    char folder[KC_TEXT_LIMIT], file[KC_TEXT_LIMIT + 16];
    if (kc_environment("KINEMACOLOR_PYTHON", path, room))
        return true;
    if (kc_resources(folder, sizeof folder)) {
        snprintf(file, sizeof file, "%s/python.txt", folder);
        if (kc_read_file(file, path, room)) {
            first_line(path);
            if (path[0] != '\0')
                return true;
        }
    }
    snprintf(why, why_room, "no Python is set up for the effect; run: kinemacolor plugin install");
    return false;
}
