/** Certificates for the hosts of Ingresses, from the Secrets that these name. */
import { NAME, readCertificate, type CertificateOptions } from 'dure/door/server/internal'
import type { TlsOptions } from '../tls/tls.ts'
import { listAt, namespaceOf, textAt, type Json } from './documents.ts'

/** Says what of a document is not used, and why. */
export type Note = (where: string, why: string) => void

/**
 * What cannot be used is said, and left out: its hosts have no handshake, and all others have theirs.
 * @param ingresses the first one keeps a host for which two name a Secret
 */
export function certificatesOf(
  ingresses: readonly Json[],
  secrets: ReadonlyMap<string, Json>,
  noteOf: (ingress: Json) => Note,
): TlsOptions {
  const certificates: CertificateOptions[] = []
  const taken = new Set<string>()
  for (const ingress of ingresses)
    for (const [i, entry] of listAt(ingress, 'spec', 'tls').entries()) {
      const note = (why: string): void => noteOf(ingress)(`spec.tls[${i}]`, `${why}: it is left out`)
      const read = certificateIn(secrets, namespaceOf(ingress), textAt(entry, 'secretName'))
      if (typeof read === 'string') {
        note(read)
        continue
      }
      const hosts = listAt(entry, 'hosts').map((host) => String(host).toLowerCase())
      const names = (hosts.length === 0 ? read.names : hosts).filter((name) => {
        const why = taken.has(name)
          ? 'has another Secret already'
          : isFor(read.names, name)
            ? undefined
            : 'is not in its certificate'
        if (why !== undefined) note(`the host "${name}" ${why}`)
        return why === undefined
      })
      for (const name of names) taken.add(name)
      if (names.length > 0) certificates.push({ certificate: read.certificate, key: read.key, names })
      else if (hosts.length === 0) note('its certificate names no host, and there are no "hosts"')
    }
  return { certificates, strict: true }
}

const isFor = (names: readonly string[], host: string): boolean =>
  NAME.test(host) && (names.includes(host) || names.includes(`*${host.slice(host.indexOf('.'))}`))

function certificateIn(
  secrets: ReadonlyMap<string, Json>,
  namespace: string,
  name: string | undefined,
): ReturnType<typeof readCertificate> | string {
  if (name === undefined) return 'it names no Secret'
  const secret = secrets.get(`${namespace}/${name}`)
  if (secret === undefined) return `there is no Secret "${name}" of type kubernetes.io/tls`
  const [certificate, key] = [bytesAt(secret, 'tls.crt'), bytesAt(secret, 'tls.key')]
  if (certificate === undefined || key === undefined) return `the Secret "${name}" has no tls.crt, or no tls.key`
  try {
    return readCertificate({ certificate, key })
  } catch (error) {
    return `the Secret "${name}" cannot be used: ${(error as Error).message}`
  }
}

function bytesAt(secret: Json, field: string): string | undefined {
  const plain = textAt(secret, 'stringData', field)
  const encoded = textAt(secret, 'data', field)
  return plain ?? (encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8'))
}
