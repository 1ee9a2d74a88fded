import { createPrivateKey, generateKeyPairSync, X509Certificate, type KeyObject } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../runtime/runtime.ts'
import { certificateOf, type Issuer } from './certificate.ts'
import { generationOf, readFiles, replaceWith, unusable, writeWhole, type AuthorityFiles } from './folder.ts'
import { readRequest } from './request.ts'

/** Signs certificates of the processes of one system, on this host. */
export type Authority = {
  readonly system: string
  readonly folder: string
  /** Who is trusted, in PEM: without those that have ended. */
  readonly roots: string
  readonly issuer: X509Certificate
  /** What leads from the issuer to roots that others may still trust alone, in PEM: nothing, unless a root was replaced lately. */
  readonly between: string
  /** Whether it is the first one, which may sign those of other hosts. */
  readonly isRoot: boolean
  /** Services that it may speak for; none: each. */
  readonly services: readonly string[]
  /** @returns the certificate with what leads to a root, in PEM */
  readonly issue: (leaf: { readonly names: readonly string[]; readonly publicKey: KeyObject; readonly life: number }) => string
}

export const AUTHORITY_FOLDER = 'authority'

const DAY = 86_400_000
const ROOT_LIFE = 3_650 * DAY
/** That of another host, and the root that follows. */
const BELOW_ROOTS = 2
/** Milliseconds that certificates begin before they are made: clocks of hosts may differ by an hour and more. */
export const BACKDATED: number = 2 * 3_600_000

type Where = { readonly directory: string; readonly system: string; readonly clock: Pick<Clock, 'now'> }

/**
 * The authority of a data directory, which is made when there is none: of processes that do so at once, one makes it.
 * @throws {AuthorityError} when it is not whole, cannot be read, is another system's, or has ended
 */
export function openAuthority(where: Where): Authority {
  const found = findAuthority(where)
  if (found !== undefined) return found
  checkSystem(where.system)
  writeWhole(join(where.directory, AUTHORITY_FOLDER), newRoot(where))
  return findAuthority(where)!
}

/** Undefined when there is none. Of whatever system, where none is told. @throws {AuthorityError} */
export function findAuthority({ directory, ...where }: Omit<Where, 'system'> & Partial<Where>): Authority | undefined {
  const folder = join(directory, AUTHORITY_FOLDER)
  const files = readFiles(folder)
  return files && authorityOf(folder, files, where)
}

/** Which of those that were one after the other is there; undefined: none. To see that it was replaced without reading it. */
export function generationIn(directory: string): number | undefined {
  const folder = join(directory, AUTHORITY_FOLDER)
  return existsSync(folder) ? generationOf(folder) : undefined
}

/** @throws {AuthorityError} */
function authorityOf(
  folder: string,
  files: AuthorityFiles,
  { system: told, clock }: Omit<Where, 'system' | 'directory'> & Partial<Where>,
): Authority {
  const { issuer, key } = certificatesIn(folder, files)
  const system = systemOf(issuer)
  if (system === undefined || (told !== undefined && told !== system))
    throw unusable(
      folder,
      `it is of ${system === undefined ? 'no system' : `the system "${system}"`}, not of "${told}"; give each system a data directory of its own`,
    )
  if (Date.parse(issuer.validTo) <= clock.now())
    throw unusable(folder, `it has ended on ${issuer.validTo}; remove the folder, or have it signed again (dure ca request)`)
  const services = servicesOf(issuer, system)
  const good = (text: string): readonly X509Certificate[] =>
    certificatesOf(text).filter(({ validTo }) => Date.parse(validTo) > clock.now())
  const roots = good(files['ca.crt'])
  const isRoot = roots.some(({ fingerprint256 }) => fingerprint256 === issuer.fingerprint256)
  if (!isRoot && !roots.some((root) => isSignedBy(issuer, root)))
    throw unusable(folder, '"issuer.crt" is signed by nobody in "ca.crt"; have it signed again (dure ca request)')
  const between = textOf(good(files['issuer.crt']).slice(1))
  const subject = subjectOf(issuer)
  return {
    ...{ system, folder, roots: textOf(roots), issuer, between, isRoot, services },
    issue: ({ names, publicKey, life }) => {
      const strangers = services.length === 0 ? [] : names.filter((name) => !services.includes(name))
      if (strangers.length > 0)
        throw unusable(
          folder,
          `it was signed for ${services.map(quoted).join(', ')}, and not for ${strangers.map(quoted).join(', ')}; have it signed for these too (dure ca sign --service)`,
        )
      const now = clock.now()
      const own = certificateOf(
        {
          ...{
            subject: names.join('+'),
            publicKey,
            from: now - BACKDATED,
            until: Math.min(now + life, Date.parse(issuer.validTo)),
            authorities: undefined,
          },
          uris: names.map((name) => `spiffe://${system}/${name}`),
        },
        { subject, key },
      )
      return own + (isRoot ? '' : textOf([issuer])) + between
    },
  }
}

/** An authority for another host, below this one. @returns what `joinAuthority` takes, in PEM */
export function signRequest(
  authority: Authority,
  options: Pick<Where, 'clock'> & {
    readonly request: string
    /** What that host may run; none: each service. */
    readonly services: readonly string[]
    /** Milliseconds. */
    readonly life: number
  },
): string {
  const { system, folder, roots, issuer, between, isRoot } = authority
  const { services, clock, life } = options
  if (!isRoot) throw unusable(folder, 'it was signed by that of another host itself; sign where the first one is')
  const { subject, publicKey } = readRequest(options.request)
  const now = clock.now()
  const signed = certificateOf(
    {
      ...{ subject, publicKey, from: now - BACKDATED, authorities: 0 },
      until: Math.min(now + life, Date.parse(issuer.validTo)),
      uris: [`spiffe://${system}`, ...services.map((name) => `spiffe://${system}/${name}`)],
    },
    signerOf(authority),
  )
  return signed + between + roots
}

/**
 * A new root in place of the one before, which is trusted until `until` and then no more. The new one is signed by the one before as well,
 * so that who trusts that one alone believes certificates of the new one.
 * @throws {AuthorityError} of the authority of another host, while the root before last is trusted still, or when it cannot be written
 */
export function rotateRoot(authority: Authority, { clock, keep }: Pick<Where, 'clock'> & { readonly keep: number }): Authority {
  const { system, folder, issuer, isRoot } = authority
  if (!isRoot) throw unusable(folder, 'it was signed by that of another host; rotate where the first one is')
  const before = certificatesOf(authority.roots).find(({ fingerprint256 }) => fingerprint256 !== issuer.fingerprint256)
  if (before !== undefined)
    throw unusable(folder, `the root before this one is trusted until ${before.validTo}; rotate it again after that`)
  const now = clock.now()
  const until = Math.min(now + keep, Date.parse(issuer.validTo))
  const signer = signerOf(authority)
  const uris = [`spiffe://${system}`]
  const files = newRoot({ system, clock, name: `Dure authority ${generationOf(folder) + 1} of ${system}` })
  const root = new X509Certificate(files['issuer.crt'])
  const bridge = certificateOf(
    { subject: subjectOf(root), publicKey: root.publicKey, from: now - BACKDATED, until, authorities: BELOW_ROOTS - 1, uris },
    signer,
  )
  // The same key and name, with another end: whoever reads it stops to trust it then, and needs to be told nothing.
  const from = Date.parse(issuer.validFrom)
  const ending = certificateOf(
    { subject: signer.subject, publicKey: issuer.publicKey, from, until, authorities: BELOW_ROOTS, uris },
    signer,
  )
  replaceWith(folder, { ...files, 'ca.crt': files['ca.crt'] + ending, 'issuer.crt': files['issuer.crt'] + bridge })
  return findAuthority({ directory: join(folder, '..'), clock })!
}

/**
 * Puts what was signed and the key of its request together; what was signed before is replaced.
 * @throws {AuthorityError} when they do not fit, or the authority of this host is a first one or another system's
 */
export function joinAuthority(
  where: Pick<Where, 'directory' | 'clock'>,
  { signed, key }: { readonly signed: string; readonly key: string },
): Authority {
  const folder = join(where.directory, AUTHORITY_FOLDER)
  const known = findAuthority(where)
  if (known?.isRoot === true) throw unusable(folder, 'there is one already; remove the folder first')
  const all = signed.match(PEM) ?? []
  const isRoot = (text: string): boolean => {
    const one = new X509Certificate(text)
    return isSignedBy(one, one)
  }
  try {
    all.forEach((text) => new X509Certificate(text))
  } catch {
    throw unusable(folder, NO_PEM)
  }
  const joined = (some: readonly string[]): string => some.map((text) => `${text}\n`).join('')
  const files = {
    'ca.crt': joined(all.filter(isRoot)),
    'issuer.crt': joined(all.filter((text) => !isRoot(text))),
    'issuer.key': key,
  }
  authorityOf(folder, files, { ...where, ...(known && { system: known.system }) })
  if (known !== undefined) replaceWith(folder, files)
  else if (!writeWhole(folder, files)) throw unusable(folder, 'there is one already; remove the folder first')
  return findAuthority(where)!
}

export function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

export function keyText(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string
}

function newRoot({
  system,
  clock,
  name: subject = `Dure authority of ${system}`,
}: Omit<Where, 'directory'> & { readonly name?: string }): AuthorityFiles {
  const { publicKey, privateKey } = newKeys()
  const now = clock.now()
  const root = certificateOf(
    { subject, publicKey, from: now - DAY, until: now + ROOT_LIFE, authorities: BELOW_ROOTS, uris: [`spiffe://${system}`] },
    { subject, key: privateKey },
  )
  return { 'ca.crt': root, 'issuer.crt': root, 'issuer.key': keyText(privateKey) }
}

function certificatesIn(folder: string, files: AuthorityFiles): { readonly issuer: X509Certificate; readonly key: KeyObject } {
  let issuer: X509Certificate
  let key: KeyObject
  try {
    issuer = new X509Certificate(files['issuer.crt'])
    key = createPrivateKey(files['issuer.key'])
    certificatesOf(files['ca.crt'])
  } catch {
    // What was wrong with it may have a part of the key in its words.
    throw unusable(folder, NO_PEM)
  }
  if (!issuer.checkPrivateKey(key))
    throw unusable(folder, '"issuer.key" is not the key of "issuer.crt"; put both back from one copy')
  return { issuer, key }
}

const NO_PEM = 'its files are no certificates and key in PEM; put them back from a copy, or remove the folder'
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** @throws {Error} when there is none */
export function certificatesOf(text: string): readonly X509Certificate[] {
  const all = text.match(PEM) ?? []
  if (all.length === 0) throw new RangeError('no certificate')
  return all.map((one) => new X509Certificate(one))
}

function textOf(certificates: readonly X509Certificate[]): string {
  return certificates.map(String).join('')
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function signerOf({ folder, issuer }: Authority): Issuer {
  return { subject: subjectOf(issuer), key: createPrivateKey(readFiles(folder)!['issuer.key']) }
}

/** A process is of a service of a system, and an authority of the system itself. */
function systemOf(issuer: X509Certificate): string | undefined {
  return urisOf(issuer)
    .map((uri) => /^spiffe:\/\/([^/]+)$/.exec(uri)?.[1])
    .find((name) => name !== undefined)
}

function servicesOf(issuer: X509Certificate, system: string): readonly string[] {
  const prefix = `spiffe://${system}/`
  return urisOf(issuer).flatMap((uri) => (uri.startsWith(prefix) ? [uri.slice(prefix.length)] : []))
}

function urisOf({ subjectAltName = '' }: X509Certificate): readonly string[] {
  return subjectAltName.split(', ').flatMap((name) => (name.startsWith('URI:') ? [name.slice('URI:'.length)] : []))
}

function subjectOf({ subject }: X509Certificate): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? ''
}

/** The name of a system stands where a host's name does. */
function checkSystem(system: string): void {
  if (/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/.test(system)) return
  throw new TypeError(
    `Cannot name the processes of system "${system}" in certificates: give it a name of at most 63 small letters, digits, ".", "-" and "_", ` +
      'or another for its certificates ("system" of "network")',
  )
}

const quoted = (name: string): string => `"${name}"`
