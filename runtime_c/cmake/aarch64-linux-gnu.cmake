# Cross build for 64-bit ARM Linux with Debian's gcc-aarch64-linux-gnu; tests run under qemu-user.
#   cmake -S . -B build-aarch64 -G Ninja --toolchain runtime_c/cmake/aarch64-linux-gnu.cmake -DEK_BUILD_TESTS=ON
# QEMU_CPU=cortex-a72 (no dot product) or cortex-a76 in the environment chooses the emulated core.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)
