#include "ukernels/f32_igemm/f32_igemm.h"
#include "ukernels/f32_igemm/f32_igemm_body_avx2.h"

void ek_f32_igemm_ukernel_6x16__avx2(size_t mr, size_t nc, const ek_f32_igemm_args *args) {
  if (mr > 4) {
    ek_f32_igemm_tile_avx2(0, 6, mr, nc, args);
  } else if (mr > 1) {
    ek_f32_igemm_tile_avx2(0, 4, mr, nc, args);
  } else {
    ek_f32_igemm_tile_avx2(0, 1, mr, nc, args);
  }
}
