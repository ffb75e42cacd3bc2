#!/bin/sh
# The desktop of a Carrel demo guest. jwm starts the terminal itself, so that a window manager is there to focus it.
cd || exit 1
[ -r /etc/X11/Xresources/carrel ] && export XENVIRONMENT=/etc/X11/Xresources/carrel
exec jwm -f /etc/jwm/carrel.jwmrc
