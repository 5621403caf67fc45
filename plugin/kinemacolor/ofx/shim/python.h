/* Which interpreter runs the helper. */
#ifndef KC_PYTHON_H
#define KC_PYTHON_H

#include <stdbool.h>
#include <stddef.h>

/* $KINEMACOLOR_PYTHON, else the path in the bundle's Resources/python.txt; `why` says what is missing. */
bool kc_python(char *path, size_t room, char *why, size_t why_room);

#endif
