/* File descriptors that do not get in the way: closed on exec, above the numbers that the helper is given. POSIX only. */
#ifndef KC_DESCRIPTOR_H
#define KC_DESCRIPTOR_H

/* The same file under a higher number; the old number is closed. -1 stays -1. */
int kc_raise_descriptor(int descriptor);

#endif
