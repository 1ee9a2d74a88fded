/** One certificate and its key: read, and found to belong together. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'

export type CertificateOptions = (
  | {
      /** A file with the certificate in PEM, and those that lead from it to an authority behind it. */
      readonly certificateFile: string
      readonly keyFile: string
    }
  | {
      /** The same in PEM. */
      readonly certificate: string
      readonly key: string
    }
) & {
  /** Which names it is shown for: `shop.example`, `*.shop.example`. Default: those that it was made out for. */
  readonly names?: readonly string[]
}

export type Certificate = {
  readonly certificate: string
  readonly key: string
  readonly names: readonly string[]
  /** Milliseconds since the epoch. */
  readonly until: number
}

/** A name that a certificate can be shown for. */
export const NAME: RegExp = /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*)(?:\.[a-z0-9_-]+)*$/

/** @throws {TypeError} when a file cannot be read, is no certificate or key, or the two do not belong together */
export function readCertificate(options: CertificateOptions): Certificate {
  const [certificate, key] =
    'certificateFile' in options ? [textOf(options.certificateFile), textOf(options.keyFile)] : [options.certificate, options.key]
  const about = 'certificateFile' in options ? ` of "${options.certificateFile}"` : ''
  const no = (why: string, cause?: unknown): never => {
    throw new TypeError(`the certificate${about} ${why}`, { cause })
  }
  const read = <T>(what: string, make: () => T): T => {
    try {
      return make()
    } catch (cause) {
      return no(`cannot be used: ${what} cannot be read (${(cause as Error).message})`, cause)
    }
  }
  const x509 = read('it', () => new X509Certificate(certificate))
  const privateKey = read('its key', () => createPrivateKey(key))
  if (!x509.checkPrivateKey(privateKey)) no('has a key that does not belong to it')
  const names = options.names?.map((name) => name.toLowerCase()) ?? namesOf(x509)
  for (const name of names) if (!NAME.test(name)) no(`has the name ${JSON.stringify(name)}, which is none`)
  return { certificate, key, names, until: Date.parse(x509.validTo) }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new TypeError(`the file "${file}" cannot be read: ${(cause as Error).message}`, { cause })
  }
}

const namesOf = ({ subjectAltName = '' }: X509Certificate): readonly string[] =>
  subjectAltName
    .split(', ')
    .flatMap((each) => (each.startsWith('DNS:') ? [each.slice(4).toLowerCase()] : []))
    .filter((name) => NAME.test(name))
