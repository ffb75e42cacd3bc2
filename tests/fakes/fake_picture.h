/* The picture of the stand-in desktop: exact colours that a test finds again by pixels. Thread of its peer. */
#ifndef CARREL_TESTS_FAKE_PICTURE_H
#define CARREL_TESTS_FAKE_PICTURE_H

#include <freerdp/freerdp.h>

#include <stdbool.h>
#include <stdint.h>

/* Fill a rectangle of the client's screen with one colour (0xrrggbb). False when the connection is gone. */
bool picture_fill(rdpContext *context, unsigned x, unsigned y, unsigned width, unsigned height, uint32_t colour);
/* Four quadrants: `colour`, red, green, white. */
bool picture_desktop(rdpContext *context, uint32_t colour);
/* A block for the n-th key, at (n mod 16) * 40, (n / 16) * 40; its colour follows from the scancode. */
bool picture_key(rdpContext *context, unsigned n, uint8_t scancode);

#endif
