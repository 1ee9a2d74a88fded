/** Who the processes of a system are to each other: certificates of an own authority, made new while they run. */
export { ownCertificates, type OwnCertificatesOptions } from './own-certificates.ts'
