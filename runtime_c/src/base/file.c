#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#if defined(__unix__) || defined(__APPLE__)
#define EK_HAVE_MMAP 1
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

#include "base/allocator.h"

#if defined(EK_HAVE_MMAP)
/* EK_ERR_UNSUPPORTED: no mapping (a pipe, say), but reading may work. */
static ek_status map_file(const char *path, ek_file *file, ek_error *error) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return ek_fail(error, EK_ERR_IO, "cannot open '%s': %s", path, strerror(errno));
  }
  struct stat info;
  ek_status status = EK_ERR_UNSUPPORTED;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 && (uint64_t)info.st_size < SIZE_MAX) {
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) {
      file->data = data;
      file->size = (size_t)info.st_size;
      file->mapped = true;
      status = EK_OK;
    }
  }
  (void)close(fd);
  return status;
}
#endif

static ek_status read_file(const ek_allocator *allocator, const char *path, ek_file *file, ek_error *error) {
  FILE *stream = fopen(path, "rb");
  if (stream == NULL) {
    return ek_fail(error, EK_ERR_IO, "cannot open '%s': %s", path, strerror(errno));
  }
  size_t capacity = 1 << 16, size = 0;
  uint8_t *data = ek_allocate(allocator, capacity);
  while (data != NULL) {
    size += fread(data + size, 1, capacity - size, stream);
    if (size < capacity || capacity > SIZE_MAX / 2) {
      break;
    }
    uint8_t *larger = ek_allocate(allocator, capacity * 2);
    if (larger != NULL) {
      memcpy(larger, data, size);
    }
    ek_release(allocator, data);
    data = larger;
    capacity *= 2;
  }
  const bool failed = ferror(stream) != 0;
  (void)fclose(stream);
  if (data == NULL) {
    return ek_fail(error, EK_ERR_OUT_OF_MEMORY, "no memory to read '%s'", path);
  }
  if (failed) {
    ek_release(allocator, data);
    return ek_fail(error, EK_ERR_IO, "cannot read '%s'", path);
  }
  file->data = file->memory = data;
  file->size = size;
  return EK_OK;
}

ek_status ek_file_open(const ek_allocator *allocator, const char *path, ek_file *file, ek_error *error) {
  memset(file, 0, sizeof *file);
#if defined(EK_HAVE_MMAP)
  const ek_status status = map_file(path, file, error);
  if (status != EK_ERR_UNSUPPORTED) {
    return status;
  }
#endif
  return read_file(allocator, path, file, error);
}

void ek_file_close(const ek_allocator *allocator, ek_file *file) {
#if defined(EK_HAVE_MMAP)
  if (file->mapped) {
    (void)munmap((void *)(uintptr_t)file->data, file->size);
  }
#endif
  ek_release(allocator, file->memory);
  memset(file, 0, sizeof *file);
}
