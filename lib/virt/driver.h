/* How virt.c reaches the implementations: one opening function each. */
#ifndef CARREL_VIRT_DRIVER_H
#define CARREL_VIRT_DRIVER_H

#include "lib/virt/virt.h"

/* Contract of virt_open. */
int libvirt_open(const char *uri, virt_event_fn *on_event, void *arg, struct virt **ret, struct error *reterr);
int fake_open(const char *uri, virt_event_fn *on_event, void *arg, struct virt **ret, struct error *reterr);

#endif
