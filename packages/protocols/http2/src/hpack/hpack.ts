export { createDecoder, type Block, type Decoder } from './decoder.ts'
export { checkHeaders, createEncoder, type Encoder } from './encoder.ts'
export { FIELD } from './static-table.ts'
