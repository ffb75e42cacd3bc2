#include "broker/when.h"

#include "lib/base/clock.h"

json_t *when_json(int64_t wall_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (wall_ms <= 0)
        return json_null();
    clock_text(wall_ms, text);
    return json_string(text);
}
