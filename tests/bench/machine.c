#include "tests/bench/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The value of the first line of `path` that begins with `key`, without `key`, separators and quotes; "unknown" when
 * there is none. */
static void first_value(const char *path, const char *key, char *buf, size_t size)
{
    char line[512];
    FILE *f = fopen(path, "re");

    snprintf(buf, size, "unknown");
    if (!f)
        return;
    while (fgets(line, sizeof(line), f)) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        char *value = line + strlen(key);
        value += strspn(value, " \t:=\"");
        value[strcspn(value, "\"\n")] = '\0';
        snprintf(buf, size, "%s", value);
        break;
    }
    fclose(f);
}

/* The hypervisor flag of CPUID as the kernel shows it: figures of a virtual machine swing with its neighbours. */
static int is_virtual(void)
{
    char flags[4096] = "";
    FILE *f = fopen("/proc/cpuinfo", "re");
    int found = 0;

    if (!f)
        return 0;
    while (!found && fgets(flags, sizeof(flags), f))
        found = strncmp(flags, "flags", 5) == 0 && strstr(flags, " hypervisor") != NULL;
    fclose(f);
    return found;
}

json_t *machine_describe(void)
{
    char cpu[256], distribution[256], kernel[256] = "unknown";
    struct utsname name;
    struct sysinfo info;

    first_value("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
    first_value("/etc/os-release", "PRETTY_NAME", distribution, sizeof(distribution));
    if (uname(&name) == 0)
        snprintf(kernel, sizeof(kernel), "%s %s", name.release, name.machine);
    json_int_t mib = sysinfo(&info) == 0 ? (json_int_t)((unsigned long long)info.totalram * info.mem_unit >> 20) : 0;
    return json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:b}", "cpu", cpu, "cores",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "memory_mib", mib, "kernel", kernel, "system",
                     distribution, "compiler",
#ifdef __clang__
                     "clang " __VERSION__,
#else
                     "gcc " __VERSION__,
#endif
                     "virtual", is_virtual());
}

json_t *machine_load(void)
{
    double load[3] = {0, 0, 0};

    if (getloadavg(load, 3) < 0)
        return json_array();
    return json_pack("[f, f, f]", load[0], load[1], load[2]);
}

json_t *machine_time(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}
