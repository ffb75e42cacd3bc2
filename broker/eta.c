#include "broker/eta.h"

int64_t eta_seconds(const struct eta *eta)
{
    if (eta->place <= 0)
        return 0;
    if (eta->boot_ms <= 0 || eta->place > eta->coming + eta->room)
        return ETA_UNKNOWN;
    int64_t together = eta->coming > 0 ? eta->coming : 1;
    int64_t rounds = (eta->place + together - 1) / together;
    int64_t ms = eta->coming > 0 ? eta->boot_ms / 2 + (rounds - 1) * eta->boot_ms : rounds * eta->boot_ms;
    return (ms + 999) / 1000;
}
