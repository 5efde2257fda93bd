#include "backends/backend.h"

const char *ek_backend_name(const ek_backend *backend) { return backend != NULL ? backend->name : ""; }

size_t ek_backend_devices(const ek_backend *backend, char *text, size_t text_size) {
  if (backend == NULL) {
    if (text != NULL && text_size != 0) {
      text[0] = 0;
    }
    return 1;
  }
  return backend->devices(text, text_size);
}
