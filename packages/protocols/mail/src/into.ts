/** What becomes of mails: which commands they are, and how one is taken. */
import { createHash } from 'node:crypto'
import type { AnyContract, AnyOperation, OperationInput, Principal } from 'dure/contract'
import {
  Cancellation,
  correlationIdOf,
  operationDoor,
  servedOperations,
  steeringOf,
  traceRequest,
  type Failure,
  type OpenState,
  type OperationDoor,
} from 'dure/door/internal'
import { SystemError, type DoorHost, type World } from 'dure/service'
import { traceIdOf } from 'dure/telemetry/internal'
import type { MailLimits } from './limits.ts'
import type { Automatic, ReceivedMail } from './received.ts'

type CommandOf<C extends AnyContract> = {
  [K in keyof C['operations'] & string]: C['operations'][K] extends { readonly kind: 'command' } ? K : never
}[keyof C['operations'] & string]

export type IntoOptions<Input> = {
  /** For which addresses: `orders@shop.example`, `*@shop.example`; the first that fits. Default: all. */
  readonly to?: string | readonly string[]
  /** Which mails of programs are taken: others are let go, and nobody is told. Default: `generated` and `list`. */
  readonly automatic?: readonly Automatic[]
  /**
   * What the command is called with. Only what is in the mail: a mail that comes twice is known by its `Message-ID`, and is to be the same call.
   * @throws {CallError} INVALID_ARGUMENT for a mail that nothing can be made of: its sender is told the message
   */
  readonly input: (mail: ReceivedMail) => Input
}

/** A command that mails become. */
export type Into = {
  readonly contract: AnyContract
  readonly operation: string
} & IntoOptions<unknown>

/**
 * Says which command mails become, and what it is called with.
 *
 * @example
 * ```ts
 * import { into } from '@dure/mail'
 * import { command, contract } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Tickets = contract('tickets', {
 *   version: '1.0.0',
 *   owner: 'team-support',
 *   operations: { open: command({ input: z.object({ from: z.email(), subject: z.string(), text: z.string() }) }) },
 * })
 * const tickets = into(Tickets, 'open', {
 *   to: 'support@shop.example',
 *   input: ({ from = '', subject, text }) => ({ from, subject, text }),
 * })
 * console.log(tickets.operation) // → open
 * ```
 */
export function into<C extends AnyContract, K extends CommandOf<C>>(
  contract: C,
  operation: K,
  options: IntoOptions<OperationInput<C['operations'][K]>>,
): Into {
  return Object.freeze({ contract, operation, ...options })
}

export type MailState = OpenState<MailLimits>

export type Route = {
  /** `orders.place` */
  readonly place: string
  /** By an address in lower case. */
  readonly fits: (address: string) => boolean
  readonly take: (mail: ReceivedMail, how: Taking) => Promise<Outcome>
}

type Taking = {
  /** What knows the mail again. */
  readonly identity: readonly string[]
  /** Who sends it, as far as the door has found out. */
  readonly principal: Principal | undefined
}

/** What became of a mail: its command is done, or was done before; it is none for a command; try again later; or never again. */
export type Outcome =
  | { readonly is: 'done' | 'ignored' }
  | { readonly is: 'later' | 'refused'; readonly failure: Pick<Failure, 'code' | 'status' | 'message'> }

const TAKEN: readonly Automatic[] = ['generated', 'list']

/** @throws {SystemError} for what a mail cannot become, naming contract and remedy */
export function routesOf(
  given: readonly Into[],
  { state, host, world }: { readonly state: MailState; readonly host: DoorHost; readonly world: World },
): readonly Route[] {
  const served = new Map(
    servedOperations(host, [...host.contracts, ...host.external]).map((one) => [`${one.contract.name}.${one.name}`, one]),
  )
  const problems: string[] = given.length === 0 ? ['It has no command that mails become; give `into`'] : []
  const routes = given.map((one): Route => {
    const place = `${one.contract.name}.${one.operation}`
    const found = served.get(place)
    const operation: AnyOperation | undefined = found?.operation
    if (operation === undefined) problems.push(`The system has no operation ${place}; give one of a contract of its services`)
    else if (operation.kind !== 'command') problems.push(`${place} is a ${operation.kind}; a mail becomes a command`)
    else if (found!.forgets)
      problems.push(
        `${place} cannot know a mail again that comes twice; give its service a "database", or say \`idempotent: true\``,
      )
    const fits = fitsOf(one.to)
    if (found === undefined) return { place, fits, take: async () => ({ is: 'ignored' }) }
    const words = `mail ${place}`
    return { place, fits, take: taker(one, { state, world, door: operationDoor(found, state, words), words }) }
  })
  if (problems.length > 0) throw new SystemError(`Cannot open the door "${state.door}"`, problems)
  return routes
}

function fitsOf(given: Into['to']): Route['fits'] {
  if (given === undefined) return () => true
  const addresses = new Set((typeof given === 'string' ? [given] : given).map((one) => one.toLowerCase()))
  return (address) => addresses.has(address) || addresses.has(`*${address.slice(address.lastIndexOf('@'))}`)
}

function taker(
  { automatic = TAKEN, input }: Into,
  { state, world, door, words }: { state: MailState; world: World; door: OperationDoor; words: string },
): Route['take'] {
  const attributes = { 'messaging.system': 'mail', 'messaging.operation.type': 'process' }
  return (mail, { identity, principal }) => {
    if (mail.automatic !== undefined && !automatic.includes(mail.automatic)) {
      world.log.info('A mail of a program is let go', { operation: door.place, automatic: mail.automatic })
      return Promise.resolve({ is: 'ignored' })
    }
    const key = createHash('sha256').update(JSON.stringify(identity)).digest('base64url')
    const header = (name: string): string | undefined =>
      name === 'idempotency-key' ? `mail:${key}` : name === 'traceparent' ? mail.header(name) : undefined
    const steering = steeringOf(header, state.limits.deadline)
    const correlationId = correlationIdOf(mail.header('x-correlation-id')) ?? world.runtime.ids.next()
    const { traceparent } = steering
    const trace = traceRequest(state, {
      name: words,
      kind: 'consumer',
      traceparent,
      tracestate: mail.header('tracestate'),
      attributes,
    })
    return new Promise((resolve) => {
      const fail = (error: unknown): void => {
        const failure = door.tell(error, { correlationId, traceId: traceIdOf(trace.traceparent) })
        trace.end(error)
        resolve(outcomeOf(failure))
      }
      door.take(
        {
          ...{ correlationId, steering, trace, header, gone: new Cancellation() },
          principal: Promise.resolve(principal),
          read: () => ({ ok: true, input: input(mail) }),
        },
        {
          succeed: () => {
            trace.end(undefined)
            resolve({ is: 'done' })
          },
          send: () => {},
          fail,
        },
      )
    })
  }
}

/** Statuses after which the same may succeed: also those that others do not repeat, for the command is known by its key. */
const LATER: ReadonlySet<string> = new Set([
  ...['CANCELLED', 'UNKNOWN', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'ABORTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS'],
])

function outcomeOf(failure: Failure): Outcome {
  // It was carried out, and only its answer is lost, which nobody waits for.
  if (failure.by === 'call' && failure.code === 'ALREADY_EXISTS') return { is: 'done' }
  return { is: LATER.has(failure.status) ? 'later' : 'refused', failure }
}
