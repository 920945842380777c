// Max-pooling with a fixed window and a stride.
#include "windows.cuh"

#define ENTRY(dtype, T) WINDOWS_ENTRY(max_pool2d, Moving, dtype, T)
FOR_EACH_DTYPE(ENTRY)
