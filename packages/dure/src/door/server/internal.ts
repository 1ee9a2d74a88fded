/** How a server listens, in the clear or over TLS, whatever it speaks: for those who serve no contracts and need nothing of calls. */
export { NAME, readCertificate, type CertificateOptions } from './certificate.ts'
export { hostOfEnvironment, portOfEnvironment } from './environment.ts'
export { listen, type Listening } from './listen.ts'
export { followCertificates, secureServer, type DoorTls, type SecureOptions, type SecureServer } from './tls.ts'
