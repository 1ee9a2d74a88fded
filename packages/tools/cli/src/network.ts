import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ownCertificates } from 'dure/identity'
import type { NetworkOptions } from 'dure/service'
import { CliError, EXIT, type Shell } from './shell.ts'

/** Where a process takes calls of other hosts: `10.0.0.2`, `10.0.0.2:7001`, `[fd00::2]:7001`. */
export type ListenAt = { readonly host: string; readonly port: number }

export type NetworkFlags = {
  readonly listen?: ListenAt
  readonly advertise?: string
  readonly tls?: string
  readonly insecure?: boolean
}

/** Where certificates are, said to processes that this one starts. */
export const TLS: string = 'DURE_TLS'
/** In place of a folder: certificates of the system's own authority, in the data directory. */
const OWN = 'own'

export function parseListen(text: string): ListenAt {
  const [, bracketed, plain, digits = '0'] = /^(?:\[([^\]]+)\]|([^:\s]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host !== undefined && port <= 65_535) return { host, port }
  throw new Error(`"${text}" is not HOST or HOST:PORT, such as 10.0.0.2:7001 or [fd00::2]:7001`)
}

/** How it reaches other hosts; undefined when all of the system is on this one. @throws {CliError} */
export function networkOf(shell: Shell, flags: NetworkFlags): NetworkOptions | undefined {
  const { listen, advertise, insecure } = flags
  // Whoever listens has certificates, unless told otherwise.
  const tls = flags.tls ?? (shell.process.env?.[TLS] || (insecure === true ? undefined : OWN))
  if (listen === undefined && (advertise !== undefined || insecure === true)) {
    const said = advertise === undefined ? '--insecure' : '--advertise'
    throw new CliError(`Cannot use ${said} without --listen: it says where calls of other hosts are taken; add that`, {
      exitCode: EXIT.misuse,
    })
  }
  if (listen === undefined && flags.tls === undefined) return undefined
  return {
    ...listen,
    ...(advertise !== undefined && { advertise }),
    ...(insecure !== undefined && { insecure }),
    ...(tls !== undefined && { tls: tls === OWN ? ownCertificates() : certificatesIn(resolve(shell.cwd, tls)) }),
  }
}

/** The files have the names of a Kubernetes secret with certificates. */
function certificatesIn(folder: string): NonNullable<NetworkOptions['tls']> {
  const read = (name: string): Buffer => {
    try {
      return readFileSync(join(folder, name))
    } catch (cause) {
      const { message } = cause as Error
      throw new CliError(
        `Cannot read certificates: ${message}; put tls.crt, tls.key and ca.crt (who is trusted) into the folder of --tls`,
        { cause },
      )
    }
  }
  return { cert: read('tls.crt'), key: read('tls.key'), ca: read('ca.crt') }
}

/** The words that say the same on the command line of a part; each has a port of its own. */
export const networkWords = ({ listen, advertise, tls, insecure }: NetworkFlags, cwd: string): readonly string[] => [
  ...(listen === undefined ? [] : ['--listen', listen.host.includes(':') ? `[${listen.host}]` : listen.host]),
  ...(advertise === undefined ? [] : ['--advertise', advertise]),
  ...(tls === undefined ? [] : ['--tls', tls === OWN ? OWN : resolve(cwd, tls)]),
  ...(insecure === true ? ['--insecure'] : []),
]
