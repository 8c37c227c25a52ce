#!/bin/sh
# Builds the fake CUDA into a folder: build.sh FOLDER. Fails where there is no C compiler.
set -eu
here=$(dirname "$0")
cc=${CC:-cc}
"$cc" -O2 -Wall -Wextra -Werror -fPIC -shared -Wl,-soname,libcuda.so.1 -o "$1/libcuda.so.1" "$here/fake.c" -lpthread -lm
"$cc" -O2 -Wall -Wextra -Werror -fPIC -shared -DCUBLAS -o "$1/libcublas.so.12" "$here/fake.c" "$1/libcuda.so.1" -Wl,-rpath,'$ORIGIN' -lm
