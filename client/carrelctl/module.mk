test_screen_SRC := tests/unit/test_screen.c client/carrelctl/screen.c
test_screen_LDLIBS := -lcmocka
test_table_SRC := tests/unit/test_table.c client/carrelctl/table.c client/carrelctl/screen.c
test_table_LDLIBS := -lcmocka
