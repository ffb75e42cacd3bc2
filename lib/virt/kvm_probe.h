/* Whether KVM works on this machine, found out by running a guest. Worker threads only. */
#ifndef CARREL_VIRT_KVM_PROBE_H
#define CARREL_VIRT_KVM_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/* Runs a guest of one boot sector on this machine's QEMU with KVM; it works when the guest's own instruction ended it
 * within KVM_PROBE_MS. /dev/kvm alone says little: in nested machines it may open and then run the firmware a hundred
 * times slower than emulation does (measured: 16 s beside 0.2 s). The first call takes up to that time, later ones
 * return what it found. ret_reason: one sentence. */
#define KVM_PROBE_MS 4000
bool kvm_probe(char *ret_reason, size_t size);

#endif
