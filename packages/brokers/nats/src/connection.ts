import { readFileSync } from 'node:fs'
import { jetstreamManager, JetStreamApiError, type JetStreamManager } from '@nats-io/jetstream'
import {
  createInbox,
  credsAuthenticator,
  errors,
  headers as emptyHeaders,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  type Authenticator,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
} from '@nats-io/nats-core'
import { connect, type NodeConnectionOptions } from '@nats-io/transport-node'
import { CallError } from 'dure/contract'
import { backoff, MESSAGE_BYTES } from 'dure/messaging/adapter'
import type { Runtime, Timer } from 'dure/runtime'
import type { Logger } from 'dure/telemetry'
import { explained } from './trouble.ts'

/** Who connects: one of these. */
export type NatsCredentials =
  | { readonly user: string; readonly password: string }
  | { readonly token: string }
  /** The contents of a `.creds` file: a JWT and the seed of its key. */
  | { readonly creds: string }
  /** Where such a file is; read each time that it connects, so that it may be written anew. */
  | { readonly credsFile: string }
  | { readonly nkeySeed: string }

export type NatsTls = NonNullable<NodeConnectionOptions['tls']>

export type LinkOptions = {
  readonly servers: readonly string[]
  readonly credentials: NatsCredentials | undefined
  readonly tls: NatsTls | true | undefined
  /** Milliseconds that the server may take to answer. */
  readonly timeout: number
  readonly runtime: Runtime
  readonly log: Logger
}

/** One connection to the servers, which comes back by itself. */
export type Link = {
  readonly nc: NatsConnection
  readonly jsm: JetStreamManager
  /** Asks for one answer; all answers come to one inbox, so that many are under way at once. */
  readonly ask: (subject: string, payload?: Uint8Array | string, headers?: object) => Promise<Msg>
  /** Says something that has no answer; nothing while there is no connection. */
  readonly tell: (subject: string, payload: string, reply?: string) => void
  readonly isConnected: () => boolean
  /** Told whenever the connection is there again; answers how to stop that. */
  readonly onReconnect: (told: () => void) => () => void
  /** Trouble in words: what, where, what to do. */
  readonly explain: (action: string, error: unknown) => CallError
  /** @throws {CallError} trouble in words */
  readonly guard: <T>(action: string, work: () => Promise<T>) => Promise<T>
  readonly close: () => Promise<void>
}

/** Since then several messages can be published as one, and what a server cannot do is refused. */
const OLDEST = [2, 12]
const RECONNECT = { first: 50, max: 5_000 }
/** An answer of JetStream that refuses a write because somebody else has written. */
export const WRONG_SEQUENCE: ReadonlySet<number> = new Set([10_071, 10_164])

/** @throws {CallError} UNAVAILABLE, UNAUTHENTICATED or FAILED_PRECONDITION, with what to do */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { runtime, log, timeout } = options
  const where = options.servers.join(', ')
  const authenticator = options.credentials && checkedAuthenticator(options.credentials, where)
  let failures = 0
  let wasConnected = false
  let nc: NatsConnection
  try {
    nc = await connect({
      ...{ servers: [...options.servers], name: 'dure', timeout, reconnect: true, maxReconnectAttempts: -1 },
      // A half-open connection is found within some seconds.
      ...{ pingInterval: 5_000, maxPingOut: 2, ignoreAuthErrorAbort: true, noAsyncTraces: true },
      // By itself the client counts by the wall clock, and would wait for as long as that was set back.
      reconnectDelayHandler: () => -Infinity,
      reconnectToServer: ([server]) =>
        wasConnected && server !== undefined ? { server, delay: backoff(RECONNECT, ++failures, runtime.random) } : null,
      ...(authenticator === undefined ? {} : { authenticator }),
      ...(options.tls === undefined ? {} : { tls: options.tls === true ? {} : options.tls }),
    })
  } catch (error) {
    throw explained(`connect to NATS at ${where}`, where, error)
  }
  wasConnected = true
  try {
    const jsm = await checked(nc, where, timeout)
    return linked({ nc, jsm, where, timeout, runtime, log, connected: () => void (failures = 0) })
  } catch (error) {
    await nc.close()
    throw error
  }
}

/** The client says that the server does not answer when a seed or a file cannot be read: that is found before. */
function checkedAuthenticator(credentials: NatsCredentials, where: string): Authenticator {
  try {
    const authenticator = authenticatorOf(credentials)
    authenticator('a nonce')
    return authenticator
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CallError(
      'FAILED_PRECONDITION',
      `Cannot connect to NATS at ${where}: "credentials" cannot be read (${why}); correct it`,
    )
  }
}

function authenticatorOf(credentials: NatsCredentials): Authenticator {
  if ('token' in credentials) return tokenAuthenticator(credentials.token)
  if ('credsFile' in credentials) return credsAuthenticator(() => readFileSync(credentials.credsFile))
  if ('creds' in credentials) return credsAuthenticator(new TextEncoder().encode(credentials.creds))
  if ('nkeySeed' in credentials) return nkeyAuthenticator(new TextEncoder().encode(credentials.nkeySeed))
  return usernamePasswordAuthenticator(credentials.user, credentials.password)
}

/** Refuses a server that cannot keep the port's promises. */
async function checked(nc: NatsConnection, where: string, timeout: number): Promise<JetStreamManager> {
  const { version = '', jetstream, max_payload: most = 0 } = nc.info ?? {}
  const refuse = (state: string): never => {
    throw new CallError('FAILED_PRECONDITION', `Cannot use NATS at ${where}: ${state}`)
  }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major < OLDEST[0]! || (major === OLDEST[0] && minor < OLDEST[1]!))
    refuse(`it is version ${version}, and ${OLDEST.join('.')} is needed; use a newer server`)
  const without = 'JetStream is not enabled; start the server with -js, or set "jetstream {}" in its configuration'
  if (jetstream !== true) refuse(without)
  if (most < MESSAGE_BYTES)
    refuse(`it takes messages of ${most} bytes, and ${MESSAGE_BYTES} are needed; set "max_payload: 4MB" in its configuration`)
  try {
    return await jetstreamManager(nc, { timeout })
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === 10_039)
      refuse(`JetStream is not enabled for this account; set "jetstream: enabled" for the account in its configuration`)
    if (error instanceof Error && error.name === 'JetStreamNotEnabled') refuse(without)
    throw explained(`use NATS at ${where}`, where, error)
  }
}

type Waiting = { readonly resolve: (message: Msg) => void; readonly reject: (error: Error) => void; readonly timer: Timer }

function linked(parts: {
  nc: NatsConnection
  jsm: JetStreamManager
  where: string
  timeout: number
  runtime: Runtime
  log: Logger
  connected: () => void
}): Link {
  const { nc, jsm, where, timeout, runtime, log } = parts
  const waiting = new Map<string, Waiting>()
  const listeners = new Set<() => void>()
  let isConnected = true
  let count = 0
  const inbox = createInbox()
  nc.subscribe(`${inbox}.*`, {
    callback: (error, message) => {
      if (error !== null) return
      const id = message.subject.slice(inbox.length + 1)
      const one = waiting.get(id)
      if (one === undefined) return
      waiting.delete(id)
      one.timer.cancel()
      if (message.headers?.code === 503) one.reject(new errors.NoRespondersError(message.subject))
      else one.resolve(message)
    },
  })

  const disconnected = (): void => {
    isConnected = false
    // Whether the server has taken what was under way, nobody knows any more.
    for (const [id, one] of waiting) {
      waiting.delete(id)
      one.timer.cancel()
      one.reject(new errors.ConnectionError('the connection was lost, and with it the answer'))
    }
  }

  const explain: Link['explain'] = (action, error) => explained(action, where, error)

  const watch = async (): Promise<void> => {
    for await (const status of nc.status()) {
      if (status.type === 'disconnect' && isConnected) {
        disconnected()
        log.warn('The connection to NATS was lost; connecting again', { server: where })
      }
      if (status.type === 'error') log.warn('NATS refused something', { server: where, error: status.error.message })
      if (status.type === 'reconnect') {
        isConnected = true
        parts.connected()
        log.info('NATS is connected again', { server: where })
        for (const told of listeners) told()
      }
    }
  }
  void watch()

  return {
    nc,
    jsm,
    tell: (subject, payload, reply) => {
      if (isConnected) nc.publish(subject, payload, reply === undefined ? {} : { reply })
    },
    isConnected: () => isConnected,
    onReconnect: (told) => {
      listeners.add(told)
      return () => void listeners.delete(told)
    },
    ask: (subject, payload, given) =>
      new Promise((resolve, reject) => {
        if (!isConnected) return reject(new errors.ConnectionError('there is no connection'))
        const id = String(++count)
        const timer = runtime.timers.after(
          timeout,
          () => {
            waiting.delete(id)
            reject(new errors.TimeoutError())
          },
          'waited',
        )
        waiting.set(id, { resolve, reject, timer })
        const reply = `${inbox}.${id}`
        nc.publish(subject, payload, given === undefined ? { reply } : { reply, headers: given as MsgHdrs })
      }),
    explain,
    guard: async (action, work) => {
      try {
        return await work()
      } catch (error) {
        throw explain(action, error)
      }
    },
    close: async () => {
      disconnected()
      await nc.close()
    },
  }
}

/** Headers of a message, for the server itself. */
export function headersOf(entries: Readonly<Record<string, string>>): MsgHdrs {
  const made = emptyHeaders()
  for (const [name, value] of Object.entries(entries)) made.append(name, value)
  return made
}

/** What JetStream answers to a message. @throws {JetStreamApiError} when it refused it */
export function acknowledged(message: Msg): { readonly seq: number } {
  const answer = message.json<{ seq: number; error?: ConstructorParameters<typeof JetStreamApiError>[0] }>()
  if (answer.error !== undefined) throw new JetStreamApiError(answer.error)
  return answer
}
