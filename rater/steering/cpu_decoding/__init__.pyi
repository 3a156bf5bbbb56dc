from .decoder import DecodingStep as DecodingStep
from .decoder import FastDecoder as FastDecoder
from .decoder import fast_decoder as fast_decoder
from .packed_linear import supports_dtype as supports_dtype

MAX_PACKED_BYTES: int
