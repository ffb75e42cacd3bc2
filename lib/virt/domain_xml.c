#include "lib/virt/domain_xml.h"

#include "lib/virt/xml.h"

#include <string.h>

/* Collects the first failure, so that the writer reads like the document. */
struct writer {
    struct buf *out;
    int rc;
};

static void raw(struct writer *w, const char *text)
{
    if (w->rc == 0)
        w->rc = buf_append_str(w->out, text);
}

/* before + escaped text + after; nothing when text is NULL. */
static void with(struct writer *w, const char *before, const char *text, const char *after)
{
    if (text == NULL)
        return;
    raw(w, before);
    if (w->rc == 0)
        w->rc = xml_escape(w->out, text);
    raw(w, after);
}

static void number(struct writer *w, const char *before, uint32_t value, const char *after)
{
    raw(w, before);
    if (w->rc == 0)
        w->rc = buf_printf(w->out, "%u", value);
    raw(w, after);
}

static void write_boot(struct writer *w, const struct virt_domain_spec *spec)
{
    raw(w, "<os><type arch='x86_64' machine='q35'>hvm</type>");
    with(w, "<kernel>", spec->kernel, "</kernel>");
    with(w, "<initrd>", spec->initrd, "</initrd>");
    with(w, "<cmdline>", spec->cmdline, "</cmdline>");
    if (spec->kernel == NULL)
        raw(w, "<boot dev='hd'/>");
    raw(w, "</os>\n");
}

/* Emulated desktops boot fastest on qemu64 with rdrand (2 s faster than "max"); without rdrand their first boot waits
 * for entropy. The translation cache is bounded, since its default grows to 1 GiB per desktop. */
static void write_cpu(struct writer *w, const struct virt_domain_spec *spec)
{
    raw(w, "<features><acpi/><apic/>");
    if (spec->accel == VIRT_ACCEL_TCG)
        number(w, "<tcg><tb-cache unit='MiB'>", spec->tb_cache_mib != 0 ? spec->tb_cache_mib : 64, "</tb-cache></tcg>");
    raw(w, "</features>\n");
    raw(w, spec->accel == VIRT_ACCEL_TCG
               ? "<cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model>"
                 "<feature policy='require' name='rdrand'/></cpu>\n"
               : "<cpu mode='host-model'/>\n");
}

static const char *cache_name(enum virt_cache cache)
{
    return cache == VIRT_CACHE_UNSAFE ? "unsafe" : cache == VIRT_CACHE_WRITEBACK ? "writeback" : "none";
}

/* The chain is written out to its end, so that libvirt never opens an image to find out. */
static void write_disk(struct writer *w, const struct virt_domain_spec *spec)
{
    raw(w, "<disk type='file' device='disk'>");
    with(w, "<driver name='qemu' type='", spec->disk.format, "' ");
    with(w, "cache='", cache_name(spec->cache), spec->cache == VIRT_CACHE_NONE ? "' io='native' " : "' ");
    raw(w, "discard='unmap'/>");
    with(w, "<source file='", spec->disk.path, "'/>");
    for (size_t i = 0; i < spec->backing_count; i++) {
        with(w, "<backingStore type='file'><format type='", spec->backing[i].format, "'/>");
        with(w, "<source file='", spec->backing[i].path, "'/>");
    }
    raw(w, "<backingStore/>");
    for (size_t i = 0; i < spec->backing_count; i++)
        raw(w, "</backingStore>");
    raw(w, "<target dev='vda' bus='virtio'/></disk>\n");
}

static void write_network(struct writer *w, const struct virt_domain_spec *spec)
{
    char mac[VIRT_MAC_SIZE];
    if (spec->network == NULL)
        return;
    virt_mac_from_name(spec->name, mac);
    with(w, "<interface type='network'><mac address='", spec->mac != NULL ? spec->mac : mac, "'/>");
    with(w, "<source network='", spec->network, "'/><model type='virtio'/>");
    raw(w, spec->isolated ? "<port isolated='yes'/></interface>\n" : "</interface>\n");
}

static void write_devices(struct writer *w, const struct virt_domain_spec *spec)
{
    raw(w, "<devices>\n");
    write_disk(w, spec);
    write_network(w, spec);
    raw(w, "<channel type='unix'><target type='virtio' name='" VIRT_CHANNEL_CARREL "'/></channel>\n"
           "<channel type='unix'><target type='virtio' name='" VIRT_CHANNEL_QGA "'/></channel>\n");
    with(w, "<serial type='file'><source path='", spec->serial_log, "' append='on'/><target port='0'/></serial>\n");
    raw(w, "<controller type='usb' model='none'/><memballoon model='none'/><audio id='1' type='none'/>"
           "<video><model type='none'/></video>\n</devices>\n");
}

int domain_xml_write(const struct virt_domain_spec *spec, const struct domain_xml_host *host, struct buf *out)
{
    struct writer w = {out, 0};
    char uuid[VIRT_UUID_SIZE];
    virt_uuid_from_name(spec->name, uuid);
    with(&w, "<domain type='", host->type, "'>\n");
    with(&w, "<name>", spec->name, "</name>");
    with(&w, "<uuid>", spec->uuid != NULL ? spec->uuid : uuid, "</uuid>");
    with(&w, "<title>", spec->title, "</title>\n");
    number(&w, "<memory unit='MiB'>", spec->memory_mib, "</memory>");
    number(&w, "<vcpu>", spec->vcpus, "</vcpu>\n");
    write_boot(&w, spec);
    write_cpu(&w, spec);
    raw(&w, "<clock offset='utc'/>\n"
            "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>\n");
    write_devices(&w, spec);
    if (host->dac)
        raw(&w, "<seclabel type='none' model='dac'/>\n");
    raw(&w, "</domain>\n");
    return w.rc;
}
