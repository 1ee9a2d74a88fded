/** The first moments of a connection over TLS: until its handshake is over, it is nobody's. */
import { constants } from 'node:crypto'
import type { Socket } from 'node:net'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls'
import type { Runtime, Timer } from 'dure/runtime'
import { WAIT, wrongNumbers } from 'dure/runtime/internal'
import { SystemError } from 'dure/contract/internal'
import type { Logger } from 'dure/telemetry'
import { readCertificate, type Certificate } from './certificate.ts'
import type { TlsOptions } from './options.ts'

const RELOAD = 5_000
const SOON = 14 * 86_400_000

export type Handshakes = {
  /** Takes a connection that has just come in. */
  readonly take: (socket: Socket, secured: (socket: TLSSocket) => void) => void
  /** How many are under way. */
  readonly open: () => number
  /** How many have failed, or were turned away since there were too many. */
  readonly failed: () => number
  /** Other certificates, from the next handshake on. @throws {SystemError} naming all that is wrong: those before go on */
  readonly use: (next: TlsOptions) => void
  readonly stop: () => void
}

/**
 * Leads the handshakes of connections, each in its time and so many at once.
 * @throws {SystemError} when a certificate cannot be used
 */
export function createHandshakes(options: {
  readonly tls: TlsOptions
  readonly limits: { readonly handshakeTimeout: number; readonly handshakes: number }
  readonly runtime: Runtime
  readonly log: Logger
}): Handshakes {
  const { limits, runtime, log } = options
  const under = new Map<string, { readonly socket: Socket; readonly secured: (socket: TLSSocket) => void }>()
  let failed = 0
  const fail = (_error: Error, socket: TLSSocket): void => {
    failed++
    socket.destroy()
  }
  const open = (socket: TLSSocket): void => {
    const end = endOf(socket)
    const mine = under.get(end)
    under.delete(end)
    if (mine === undefined) socket.destroy()
    else mine.secured(socket)
  }
  /** Nothing of a server of Node's can be changed in part: each change makes one, and the connections of the one before stay. */
  const serverOf = (given: TlsOptions, certificates: readonly Certificate[]): Server => {
    const server = createServer(serverOptions(given, certificates, limits.handshakeTimeout), open)
    return server.on('tlsClientError', fail)
  }
  const read = (given: TlsOptions): readonly Certificate[] => {
    const certificates = readAll(given)
    const now = runtime.clock.now()
    for (const { until, names } of certificates)
      if (until < now + SOON)
        log.warn(until < now ? 'A certificate is out of date' : 'A certificate is out of date soon', {
          names: names.join(' '),
          until: new Date(until).toISOString(),
        })
    return certificates
  }
  let given = options.tls
  let certificates = read(given)
  let server = serverOf(given, certificates)
  const use = (next: TlsOptions): void => {
    const now = read(next)
    server = serverOf(next, now)
    certificates = now
    given = next
  }

  let timer: Timer | undefined
  let wrong: string | undefined
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
  timer = runtime.timers.after(given.reload ?? RELOAD, look)

  return {
    take: (socket, secured) => {
      if (under.size >= limits.handshakes) {
        failed++
        socket.destroy()
        return
      }
      const end = endOf(socket)
      under.set(end, { socket, secured })
      // Whoever ends his half now has gone.
      socket.allowHalfOpen = false
      socket.on('error', () => {})
      socket.once('close', () => under.get(end)?.socket === socket && under.delete(end))
      server.emit('connection', socket)
    },
    open: () => under.size,
    failed: () => failed,
    use,
    stop: () => {
      timer?.cancel()
      for (const { socket } of under.values()) socket.destroy()
    },
  }
}

const endOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

function readAll({ certificates, reload, strict = false, minimum = 'TLSv1.2' }: TlsOptions): readonly Certificate[] {
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

function serverOptions(
  { strict = false, minimum = 'TLSv1.2', http2 = true }: TlsOptions,
  certificates: readonly Certificate[],
  handshakeTimeout: number,
) {
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
  const SNICallback = (given: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    const name = given.toLowerCase()
    const context = contexts.get(name) ?? contexts.get(`*${name.slice(name.indexOf('.'))}`)
    if (context === undefined && strict) done(new Error('No certificate is for this name'))
    // Without one it is that of the server, the first.
    else done(null, context)
  }
  const ALPNProtocols = http2 ? ['h2', 'http/1.1'] : ['http/1.1']
  const [first] = certificates
  // Without any, nobody has a handshake.
  return { ...(first && optionsOf(first)), SNICallback, ALPNProtocols, handshakeTimeout }
}
