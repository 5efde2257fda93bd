/* The bytes of a file: mapped where the system can, else read. */
#ifndef EK_BASE_FILE_H
#define EK_BASE_FILE_H

#include "base/error.h"

typedef struct ek_file {
  const void *data; /* 64-byte aligned */
  size_t size;
  void *memory; /* what to release; NULL when mapped */
  bool mapped;
} ek_file;

ek_status ek_file_open(const ek_allocator *allocator, const char *path, ek_file *file, ek_error *error);
void ek_file_close(const ek_allocator *allocator, ek_file *file);

#endif
