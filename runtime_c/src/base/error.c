#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

ek_status ek_fail(ek_error *error, ek_status status, const char *format, ...) {
  if (error != NULL) {
    va_list args;
    va_start(args, format);
    error->status = status;
    (void)vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
  }
  return status;
}
