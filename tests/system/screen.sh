# A person at a screen, for system tests: an X server nobody sees (Xvfb), a desktop client on it, looks and keystrokes.
# Sourced. Needs SCREENS, a folder for logs and pictures.

# ImageMagick's own name: other programs called "convert" exist.
im_convert=$(command -v convert-im6.q16 || command -v convert)

# screen_open NUMBER: an X server on display :NUMBER, 1024x768.
screen_open() {
    Xvfb ":$1" -screen 0 1024x768x24 -nolisten tcp >"$SCREENS/xvfb-$1.log" 2>&1 &
    echo $! >"$SCREENS/xvfb-$1.pid"
    wait_for 10 test -S "/tmp/.X11-unix/X$1"
}

screen_close() {
    [ ! -f "$SCREENS/xvfb-$1.pid" ] || kill "$(cat "$SCREENS/xvfb-$1.pid")" 2>/dev/null
    rm -f "$SCREENS/xvfb-$1.pid"
}

# screen_picture NUMBER FILE.png
screen_picture() {
    import -display ":$1" -window root "png:$2.new" 2>/dev/null && mv "$2.new" "$2"
}

# screen_share NUMBER COLOUR: how many per mille of the screen have exactly this colour ("#204060").
screen_share() {
    local picture=$SCREENS/look-$1.png
    screen_picture "$1" "$picture" || { echo 0; return; }
    "$im_convert" "$picture" -fill white +opaque "$2" -fill black -opaque "$2" -negate -format '%[fx:int(mean*1000)]' info: 2>/dev/null || echo 0
}

# screen_shows NUMBER COLOUR PER_MILLE: at least so much of it.
screen_shows() {
    [ "$(screen_share "$1" "$2")" -ge "$3" ]
}

# screen_type NUMBER TEXT: into whatever has the keyboard, then Return.
screen_type() {
    DISPLAY=:$1 xdotool type --delay 60 -- "$2"
    DISPLAY=:$1 xdotool key Return
}
