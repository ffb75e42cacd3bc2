#include "broker/conf.h"

#define OPTION_STRUCT struct conf
static const struct option_def defs[] = {CONF_OPTIONS(OPTION_DEF)};

const struct option_set conf_set =
    OPTION_SET("carrel-broker", "checks people, hands out desktops, keeps sessions", "/etc/carrel/broker.conf", defs);
