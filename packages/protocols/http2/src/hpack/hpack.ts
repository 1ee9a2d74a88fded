export { createDecoder, type Decoder } from './decoder.ts'
export { checkHeaders, createEncoder, type Encoder } from './encoder.ts'
