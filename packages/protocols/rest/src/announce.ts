import { isIP } from 'node:net'
import type { AnyContract } from 'dure/contract'
import type { AnnouncedDoor } from 'dure/service'
import type { Address } from './listen.ts'

/** Where others reach a door. */
export type AnnounceOptions = {
  /** A name or an address that other machines know. */
  readonly host: string
  /** Default: the one that it listens on. */
  readonly port?: number
  /** They reach it over HTTPS, which something in front of it speaks. Default: whether the door itself does (`tls`). */
  readonly secure?: boolean
  /** What callers choose by: `{ zone: 'seoul-a' }`. */
  readonly metadata?: Readonly<Record<string, string>>
}

type Options = Partial<Address> & { readonly announce?: boolean | AnnounceOptions }

/** @throws {TypeError} when it is told to announce what nobody could reach */
export function checkAnnounce({ announce, host = LOOPBACK }: Options): void {
  if (typeof announce === 'object') {
    const { host: name, port = 1 } = announce
    if (/[\s/]/.test(name) || isEverybody(name))
      throw new TypeError(`Cannot announce the REST door as "${name}": give a host that others reach`)
    if (!Number.isInteger(port) || port < 1 || port > 65_535)
      throw new TypeError(`Cannot announce the REST door at port ${String(port)}: give a number from 1 to 65535`)
  }
  const why = announce === true ? whyUnreachable(host) : undefined
  if (why !== undefined) throw new TypeError(`Cannot announce the REST door: ${why}`)
}

/** What is told of an open door; undefined where nothing is to be. */
export function announcementOf(
  { announce, host = LOOPBACK }: Options,
  { url, door, contracts }: { readonly url: string; readonly door: string; readonly contracts: readonly AnyContract[] },
): AnnouncedDoor | undefined {
  if (announce === false || contracts.length === 0) return undefined
  const at = typeof announce === 'object' ? announce : undefined
  const own = { door, asked: announce !== undefined }
  const why = at === undefined ? whyUnreachable(host) : undefined
  if (why !== undefined) return { ...own, unreachable: why }
  return {
    ...own,
    endpoint: (at?.secure ?? url.startsWith('https:')) ? 'https' : 'http',
    address: { kind: 'tcp', host: at?.host ?? host, port: at?.port ?? Number(new URL(url).port || 80) },
    services: contracts,
    metadata: at?.metadata ?? {},
  }
}

const LOOPBACK = '127.0.0.1'
const isEverybody = (host: string): boolean => host === '' || host === '0.0.0.0' || host === '::'

function whyUnreachable(host: string): string | undefined {
  const fix = "say where others reach it with announce: { host: '…' }, or announce: false"
  if (isEverybody(host)) return `it listens on "${host}", which is every address of this machine and the name of none; ${fix}`
  const loopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
  return loopback ? `it listens on "${host}", which no other machine reaches; ${fix}` : undefined
}
