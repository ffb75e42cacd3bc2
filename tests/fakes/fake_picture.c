#include "tests/fakes/fake_picture.h"

#include <string.h>

#define TILE 64

static void pixels(uint8_t *out, unsigned count, unsigned depth, uint32_t colour)
{
    uint16_t high = (uint16_t)((colour >> 8 & 0xf800) | (colour >> 5 & 0x7e0) | (colour >> 3 & 0x1f));
    for (unsigned i = 0; i < count; i++) {
        if (depth == 32) {
            memcpy(out + 4 * i, &colour, 4);
        } else if (depth == 24) {
            memcpy(out + 3 * i, &colour, 3);
        } else {
            memcpy(out + 2 * i, &high, 2);
        }
    }
}

static bool tile(rdpContext *context, unsigned x, unsigned y, unsigned width, unsigned height, uint32_t colour)
{
    uint8_t data[TILE * TILE * 4];
    unsigned depth = freerdp_settings_get_uint32(context->settings, FreeRDP_ColorDepth);
    unsigned row = (width + 3) & ~3u; /* bitmap data is padded to four pixels, the destination is not */
    BITMAP_DATA bitmap = {.destLeft = x,
                          .destTop = y,
                          .destRight = x + width - 1,
                          .destBottom = y + height - 1,
                          .width = row,
                          .height = height,
                          .bitsPerPixel = depth,
                          .bitmapLength = row * height *
                                          (depth == 32   ? 4
                                           : depth == 24 ? 3
                                                         : 2),
                          .bitmapDataStream = data};
    BITMAP_UPDATE update = {.number = 1, .rectangles = &bitmap};
    pixels(data, row * height, depth, colour);
    return context->update->BitmapUpdate(context, &update);
}

bool picture_fill(rdpContext *context, unsigned x, unsigned y, unsigned width, unsigned height, uint32_t colour)
{
    for (unsigned top = y; top < y + height; top += TILE) {
        for (unsigned left = x; left < x + width; left += TILE) {
            unsigned w = x + width - left < TILE ? x + width - left : TILE;
            unsigned h = y + height - top < TILE ? y + height - top : TILE;
            if (!tile(context, left, top, w, h, colour))
                return false;
        }
    }
    return true;
}

bool picture_desktop(rdpContext *context, uint32_t colour)
{
    unsigned w = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth);
    unsigned h = freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight);
    return picture_fill(context, 0, 0, w / 2, h / 2, colour) &&
           picture_fill(context, w / 2, 0, w - w / 2, h / 2, 0xff0000) &&
           picture_fill(context, 0, h / 2, w / 2, h - h / 2, 0x00ff00) &&
           picture_fill(context, w / 2, h / 2, w - w / 2, h - h / 2, 0xffffff);
}

bool picture_key(rdpContext *context, unsigned n, uint8_t scancode)
{
    return picture_fill(context, n % 16 * 40, n / 16 * 40, 32, 32, scancode * 0x010305u & 0xffffffu);
}
