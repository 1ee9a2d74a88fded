/** The SMTP door: a mail that comes in becomes a command. */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { CallError, type Principal } from 'dure/contract'
import {
  admit,
  type DoorTls,
  followCertificates,
  hostOfEnvironment,
  openState,
  openTcp,
  type TcpConnection,
} from 'dure/door/internal'
import type { Door, DoorHost, OpenDoor, World } from 'dure/service'
import { SMTPServer, type SMTPServerAuthentication, type SMTPServerDataStream, type SMTPServerOptions } from 'smtp-server'
import { routesOf, type Into, type MailState, type Route } from './into.ts'
import { limitsOf, type MailLimits } from './limits.ts'
import { readMail } from './received.ts'
import { reply, replyTo, type Reply } from './replies.ts'

export type SmtpOptions = {
  /** Name in logs and lists. Default `smtp`. */
  readonly name?: string
  /** 0 takes any free port. Default 2525. */
  readonly port?: number
  /** Default `DURE_HOST`, else 127.0.0.1: this machine only. `0.0.0.0` is everybody. */
  readonly host?: string
  /** What it calls itself. Default: the machine's name. */
  readonly hostname?: string
  /** Certificates, taken anew from files when they change: for STARTTLS, or with `implicit` from the first byte. Default: none, and nobody can say who it is. */
  readonly tls?: DoorTls & { readonly implicit?: boolean }
  /** What mails become, by whom they are for; for others there is no mailbox here. */
  readonly into: readonly Into[]
  readonly limits?: Partial<MailLimits>
}

/**
 * Makes a door to which mails are sent: each becomes a command, and its sender hears what became of it in SMTP's own codes. Who
 * logs in is asked of the system's `authenticate`, as `Basic` or `Bearer` in `authorization`; only over TLS.
 * Opening it throws when the port is in use, and for what a mail cannot become.
 *
 * @example
 * ```ts
 * import { into, smtp } from '@dure/mail'
 * import { command, contract } from 'dure/contract'
 * import { database } from 'dure/data'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Notes = contract('notes', {
 *   version: '1.0.0',
 *   owner: 'team-notes',
 *   operations: { keep: command({ input: z.object({ subject: z.string() }) }) },
 * })
 * const notes = service(Notes, { database: database({ migrations: {} }), handlers: { keep: () => {} } })
 * const door = smtp({ port: 0, into: [into(Notes, 'keep', { to: 'notes@shop.example', input: ({ subject }) => ({ subject }) })] })
 * console.log(system('notes', { services: [notes], doors: [door], security: 'off' }).doors[0]?.name) // → smtp
 * ```
 */
export function smtp(options: SmtpOptions): Door {
  const limits = limitsOf(options.limits)
  const { name = 'smtp', host = hostOfEnvironment(), port = 2525 } = options
  return {
    name,
    open: (doorHost, world) => open(doorHost, world, { ...options, name, host, port }, limits),
    listens: () => ({ kind: 'tcp', host, port }),
  }
}

type Settings = SmtpOptions & { readonly name: string; readonly host: string; readonly port: number }

async function open(host: DoorHost, world: World, settings: Settings, limits: MailLimits): Promise<OpenDoor> {
  const { name, tls } = settings
  const state: MailState = openState({ door: name, limits, world, host })
  const serving: Serving = { state, routes: routesOf(settings.into, { state, host, world }), sessions: new Map() }
  const implicit = tls?.implicit === true
  const server = new SMTPServer(serverOptions(settings, serving))
  // Of a client that went away, or spoke something else.
  server.on('error', ({ message }) => world.log.debug('A connection of SMTP ended', { door: name, error: message }))
  const starttls =
    tls === undefined || implicit
      ? undefined
      : followCertificates({ tls, runtime: world.runtime, log: world.log }, (secure) => server.updateSecureContext(secure))
  try {
    const tcp = await openTcp(state, {
      ...{ host: settings.host, port: settings.port, connections: limits.connections },
      tls: implicit ? tls : undefined,
      handed: world.sockets?.get(name),
      serve: (socket) => serve(server, socket, serving),
    })
    return {
      url: `${implicit ? 'smtps' : 'smtp'}://${tcp.where}`,
      close: async (how) => {
        await tcp.close(how)
        starttls?.stop()
      },
    }
  } catch (error) {
    starttls?.stop()
    throw error
  }
}

type Session = {
  /** Whether a mail is under way. */
  busy: boolean
  /** Says that the connection ends, and ends it. */
  readonly end: (why: string) => void
}

type Serving = { readonly state: MailState; readonly routes: readonly Route[]; readonly sessions: Map<string, Session> }

const STOPPING = 'The server is stopping; try again soon'

function serve(server: SMTPServer, socket: Socket, { sessions }: Serving): TcpConnection {
  server.connect(socket)
  const connection = [...server.connections].at(-1)!
  const { id } = connection.session
  const session: Session = { busy: false, end: (why) => connection.send(421, `4.3.2 ${why}`) }
  sessions.set(id, session)
  socket.once('close', () => sessions.delete(id))
  // A mail that is under way is answered first.
  return { finish: () => session.busy || session.end(STOPPING), cut: () => void socket.destroy() }
}

function serverOptions({ tls, hostname }: Settings, serving: Serving): SMTPServerOptions {
  const { state, routes, sessions } = serving
  const { limits, host } = state
  return {
    ...{ logger: false, disableReverseLookup: true, authOptional: true, secure: tls?.implicit === true },
    ...{ size: limits.size, maxRecipients: limits.recipients, socketTimeout: limits.silence },
    ...(hostname !== undefined && { name: hostname }),
    authMethods: ['PLAIN', 'LOGIN', 'XOAUTH2'],
    disabledCommands: [
      ...['WIZ', 'SHELL', 'KILL'],
      ...(tls === undefined ? ['STARTTLS'] : []),
      ...(host.authenticate === undefined || tls === undefined ? ['AUTH'] : []),
    ],
    onAuth: (auth, _session, done) =>
      void authenticated(auth, state).then(
        (principal) => done(null, { user: principal }),
        (error: Reply) => done(error),
      ),
    onRcptTo: ({ address }, { envelope: { rcptTo } }, done) => {
      const route = routeFor(address, routes)
      if (route === undefined) return done(reply(550, '5.1.1', `There is no mailbox "${address}" here`))
      // One answer is one call's: a client brings the others in a mail of their own.
      if (rcptTo[0] !== undefined && routeFor(rcptTo[0].address, routes) !== route)
        return done(reply(452, '4.5.3', 'It is for another service than the recipients before; send it by itself'))
      done()
    },
    onData: (stream, { id, envelope, user }, done) => {
      const session = sessions.get(id)
      if (session !== undefined) session.busy = true
      const sender = envelope.mailFrom === false ? '' : envelope.mailFrom.address
      const recipients = envelope.rcptTo.map(({ address }) => address.toLowerCase())
      void receive(stream, { serving, session, sender, recipients, principal: user as Principal | undefined })
        .catch((error: unknown) => {
          state.world.log.error('Cannot take a mail', { door: state.door, error })
          return reply(451, '4.3.0', 'It cannot be taken now; try again later')
        })
        .then((refused) => {
          if (session !== undefined) session.busy = false
          done(refused)
          if (state.closing) session?.end(STOPPING)
        })
    },
  }
}

type Receiving = {
  readonly serving: Serving
  readonly session: Session | undefined
  readonly sender: string
  readonly recipients: readonly string[]
  readonly principal: Principal | undefined
}

/** Why a mail is not taken; undefined: it is. */
async function receive(stream: SMTPServerDataStream, about: Receiving): Promise<Reply | undefined> {
  const { serving, sender, recipients, principal } = about
  const { state, routes } = serving
  const overloaded = admit(state)
  try {
    const bytes = await gather(stream, about, overloaded !== undefined)
    if (overloaded !== undefined) return reply(451, '4.3.2', overloaded.message)
    if (bytes === undefined)
      return reply(552, '5.3.4', `The mail is larger than ${state.limits.size} bytes, the most that is taken`)
    const read = await readMail(bytes, state.limits, { sender, recipients })
    if (!read.ok) return reply(554, '5.6.0', `The mail is not taken: ${read.why}`)
    const route = routeFor(recipients[0]!, routes)!
    // A client that did not hear the answer sends the same again, and a mail may be without an id.
    const own = read.mail.messageId ?? createHash('sha256').update(bytes).digest('base64url')
    return replyTo(await route.take(read.mail, { identity: [state.door, route.place, sender, own], principal }))
  } finally {
    if (overloaded === undefined) state.calls--
  }
}

/**
 * What comes, to its end; undefined when that is too much.
 * @throws {Error} when the client goes away, or takes too long
 */
async function gather(
  stream: SMTPServerDataStream,
  { serving: { state }, session }: Receiving,
  discard: boolean,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  const timer = state.world.runtime.timers.after(state.limits.receive, () => {
    session?.end(`The mail did not come within ${state.limits.receive} ms`)
    stream.destroy(new Error('it took too long to come'))
  })
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (discard || stream.sizeExceeded) chunks.length = 0
      else chunks.push(chunk)
    }
  } finally {
    timer.cancel()
  }
  return stream.sizeExceeded ? undefined : Buffer.concat(chunks)
}

const routeFor = (address: string, routes: readonly Route[]): Route | undefined =>
  routes.find(({ fits }) => fits(address.toLowerCase()))

/** @throws {Reply} that refuses */
async function authenticated(
  { method, username, password, accessToken }: SMTPServerAuthentication,
  { host, door, world }: MailState,
): Promise<Principal> {
  const authorization =
    method === 'XOAUTH2' ? `Bearer ${accessToken}` : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  try {
    const principal = await host.authenticate!({ door, header: (name) => (name === 'authorization' ? authorization : undefined) })
    if (principal !== undefined) return principal
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== 'UNAUTHENTICATED') {
      world.log.error('Cannot find out who sends a mail', { door, error })
      throw reply(454, '4.7.0', 'Who you are cannot be found out now; try again later')
    }
  }
  throw reply(535, '5.7.8', 'These are no credentials of anybody here')
}
