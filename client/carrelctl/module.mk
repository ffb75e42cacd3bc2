TESTS += test_text test_table
test_text_SRC := tests/unit/test_text.c client/carrelctl/text.c
test_text_LDLIBS := -lcmocka
test_table_SRC := tests/unit/test_table.c client/carrelctl/table.c client/carrelctl/text.c
test_table_LDLIBS := -lcmocka
