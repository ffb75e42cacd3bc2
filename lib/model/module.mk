LIBS += model
model_SRC := $(wildcard lib/model/*.c)
