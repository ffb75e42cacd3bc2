#include "gateway/supervisor/conf.h"

#include "lib/base/log.h"
#include "lib/base/text.h"

#define OPTION_STRUCT struct gateway_conf
static const struct option_def defs[] = {GATEWAY_CONF(OPTION_DEF)};
const struct option_set gateway_options =
    OPTION_SET("carrel-gateway", "takes clients in at HTTPS and RDP and relays them to their desktops",
               "/etc/carrel/gateway.conf", defs);

int gateway_conf_check(const struct gateway_conf *conf, struct error *reterr)
{
    enum log_level level;
    if (!text_is_name(conf->name, 32))
        return err_set(reterr, ERR_CONFIG, "[gateway] name must be small letters, digits and '-', at most 32");
    if (log_level_parse(conf->log_level, &level) < 0)
        return err_set(reterr, ERR_CONFIG, "[gateway] log_level is none of error, warning, notice, info, debug");
    return 0;
}
