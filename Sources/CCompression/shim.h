// lz4 and zstd for chunks, zlib for what clients send.
#pragma once
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>
