#include "ukernels/f32_igemm/f32_igemm_body_neon.h"
#include "ukernels/f32_qc8w_igemm/f32_qc8w_igemm.h"

void ek_f32_qc8w_igemm_ukernel_8x8__neon(size_t mr, size_t nc, const ek_f32_igemm_args *args) {
  if (mr > 4) {
    ek_f32_igemm_tile_neon(1, 8, mr, nc, args);
  } else if (mr > 1) {
    ek_f32_igemm_tile_neon(1, 4, mr, nc, args);
  } else {
    ek_f32_igemm_tile_neon(1, 1, mr, nc, args);
  }
}
