/** TLS before a gateway. */
export { createHandshakes, type Handshakes } from './handshakes.ts'
export type { TlsOptions } from './options.ts'
