#include "edgekit/edgekit.h"

#define EK_TEXT(x) EK_TEXT_OF(x)
#define EK_TEXT_OF(x) #x

const char *ek_version(void) {
  return EK_TEXT(EK_VERSION_MAJOR) "." EK_TEXT(EK_VERSION_MINOR) "." EK_TEXT(EK_VERSION_PATCH);
}

const char *ek_status_name(ek_status status) {
  switch (status) {
    case EK_OK: return "ok";
    case EK_ERR_INVALID_ARGUMENT: return "invalid argument";
    case EK_ERR_OUT_OF_MEMORY: return "out of memory";
    case EK_ERR_IO: return "input/output error";
    case EK_ERR_BAD_MODEL: return "bad model";
    case EK_ERR_UNSUPPORTED: return "unsupported";
    case EK_ERR_SHAPE: return "shape error";
    case EK_ERR_BACKEND: return "back end failure";
    case EK_ERR_CANCELLED: return "cancelled";
  }
  return "unknown status";
}

size_t ek_dtype_size(ek_dtype dtype) {
  switch (dtype) {
    case EK_I8:
    case EK_U8:
    case EK_BOOL: return 1;
    case EK_F16:
    case EK_I16:
    case EK_U16: return 2;
    case EK_F32:
    case EK_I32:
    case EK_U32: return 4;
    case EK_I64:
    case EK_U64:
    case EK_F64: return 8;
  }
  return 0;
}
