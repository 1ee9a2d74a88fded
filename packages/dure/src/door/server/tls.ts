/** TLS before a door: certificates by the name that is asked for, read again when their files change. */
import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, type SecureContextOptions, type Server } from 'node:tls'
import { SystemError } from '../../contract/internal.ts'
import { WAIT, wrongNumbers } from '../../runtime/internal.ts'
import type { Runtime, Timer } from '../../runtime/runtime.ts'
import type { Logger } from '../../telemetry/telemetry.ts'
import { readCertificate, type Certificate, type CertificateOptions } from './certificate.ts'

export type DoorTls = {
  /** By the name that a client asks for. The first is shown where no other one is for it, or no name was said. */
  readonly certificates: readonly CertificateOptions[]
  /** Whether a name that no certificate is for is refused instead; then there may be none as well. Default false. */
  readonly strict?: boolean
  /** Default `TLSv1.2`. */
  readonly minimum?: 'TLSv1.2' | 'TLSv1.3'
  /** How often files are looked at again, in milliseconds. Default 5,000. */
  readonly reload?: number
}

const RELOAD = 5_000
const SOON = 14 * 86_400_000

type World = { readonly runtime: Pick<Runtime, 'clock' | 'timers'>; readonly log: Logger }

/** What Node's servers over TLS take. */
export type SecureOptions = SecureContextOptions & {
  readonly SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) => void
}

export type FollowedCertificates<Tls extends DoorTls> = {
  /** Others, from the next handshake on. @throws {SystemError} naming all that is wrong: those before go on */
  readonly use: (next: Tls) => void
  readonly stop: () => void
}

/**
 * Reads certificates, and again when their files change.
 * @param take is told of the first ones, and of all that come after them
 * @throws {SystemError} when a certificate cannot be used
 */
export function followCertificates<Tls extends DoorTls>(
  { tls, runtime, log }: World & { readonly tls: Tls },
  take: (secure: SecureOptions, given: Tls) => void,
): FollowedCertificates<Tls> {
  let given = tls
  let certificates: readonly Certificate[] = []
  let timer: Timer | undefined
  let wrong: string | undefined

  const use = (next: Tls): void => {
    const read = readAll(next)
    warnOfEnds(read, { runtime, log })
    take(secureOptions(next, read), next)
    certificates = read
    given = next
  }
  const look = (): void => {
    try {
      const now = readAll(given)
      if (now.some(({ certificate, key }, i) => certificate !== certificates[i]?.certificate || key !== certificates[i]?.key)) {
        use(given)
        log.info('The certificates have changed', { names: now.flatMap(({ names }) => names).join(' ') })
      }
      wrong = undefined
    } catch (error) {
      const { message } = error as Error
      // Once for each thing that is wrong, not every few seconds.
      if (message !== wrong) log.error('The certificates are not taken, and the old ones go on', { error: message })
      wrong = message
    }
    timer = runtime.timers.after(given.reload ?? RELOAD, look)
  }
  use(tls)
  timer = runtime.timers.after(given.reload ?? RELOAD, look)
  return { use, stop: () => timer?.cancel() }
}

function warnOfEnds(certificates: readonly Certificate[], { runtime, log }: World): void {
  const now = runtime.clock.now()
  for (const { until, names } of certificates)
    if (until < now + SOON)
      log.warn(until < now ? 'A certificate is out of date' : 'A certificate is out of date soon', {
        names: names.join(' '),
        until: new Date(until).toISOString(),
      })
}

function readAll({ certificates, reload, strict = false, minimum = 'TLSv1.2' }: DoorTls): readonly Certificate[] {
  const problems: string[] = []
  const read: Certificate[] = []
  if (!Array.isArray(certificates) || (certificates.length === 0 && !strict)) problems.push('There is none; give "certificates"')
  else
    for (const each of certificates) {
      try {
        read.push(readCertificate(each))
      } catch (error) {
        const { message } = error as Error
        problems.push(message[0]!.toUpperCase() + message.slice(1))
      }
    }
  if (minimum !== 'TLSv1.2' && minimum !== 'TLSv1.3') problems.push(`"${String(minimum)}" is no version; give TLSv1.2 or TLSv1.3`)
  const number = wrongNumbers({ reload }, { reload: WAIT })
  if (number !== undefined) problems.push(number)
  for (const [i, { names }] of read.entries())
    if (i > 0 && names.length === 0)
      problems.push(`The certificate number ${i + 1} names no host, and is not the first; give "names"`)
  if (problems.length > 0) throw new SystemError('Cannot use the certificates', problems.slice(0, 20))
  return read
}

function secureOptions({ strict = false, minimum = 'TLSv1.2' }: DoorTls, certificates: readonly Certificate[]): SecureOptions {
  const optionsOf = ({ certificate, key }: Certificate): SecureContextOptions => ({
    ...{ cert: certificate, key, minVersion: minimum, honorCipherOrder: true },
    // Nobody needs to begin again in the middle, and HTTP/2 forbids it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  })
  const contexts = new Map<string, SecureContext>()
  for (const certificate of certificates) {
    const context = createSecureContext(optionsOf(certificate))
    for (const name of certificate.names) if (!contexts.has(name)) contexts.set(name, context)
  }
  const [first] = certificates
  return {
    // Without any, nobody has a handshake.
    ...(first && optionsOf(first)),
    SNICallback: (given, done) => {
      const name = given.toLowerCase()
      const context = contexts.get(name) ?? contexts.get(`*${name.slice(name.indexOf('.'))}`)
      if (context === undefined && strict) done(new Error('No certificate is for this name'))
      // Without one it is that of the server, the first.
      else done(null, context)
    },
  }
}

export type SecureServer = {
  readonly options: SecureOptions
  /** Gives a server that was made with these options what changes, until it closes. */
  readonly follow: (server: Server) => void
  /** Ends the connections that are still in their handshake: no request can be under way on them. */
  readonly endHandshakes: () => void
  /** For a server that never listened. */
  readonly stop: () => void
}

/**
 * Certificates of a server of Node's that stays while they change.
 * @throws {SystemError} when a certificate cannot be used
 */
export function secureServer(of: World & { readonly tls: DoorTls }): SecureServer {
  let current: SecureOptions | undefined
  let following: Server | undefined
  const shaking = new Map<string, Socket>()
  const { stop } = followCertificates(of, (next) => {
    following?.setSecureContext(next)
    current = next
  })
  return {
    options: { ...current!, SNICallback: (name, done) => current!.SNICallback(name, done) },
    follow: (server) => {
      following = server
      server.once('close', stop)
      server.on('connection', (socket: Socket) => {
        const end = endOf(socket)
        shaking.set(end, socket)
        socket.once('close', () => shaking.get(end) === socket && shaking.delete(end))
      })
      server.on('secureConnection', (socket) => void shaking.delete(endOf(socket)))
    },
    endHandshakes: () => {
      for (const socket of shaking.values()) socket.destroy()
    },
    stop,
  }
}

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`
