/** TLS before a gateway: certificates by the name that is asked for, read again when their files change. */
export { NAME, readCertificate, type CertificateOptions } from './certificate.ts'
export { createHandshakes, type Handshakes } from './handshakes.ts'
export type { TlsOptions } from './options.ts'
