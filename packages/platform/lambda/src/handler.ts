import { restInMemory } from '@dure/rest/internal'
import { CallError, type Message } from 'dure/contract'
import { decodeMessage } from 'dure/messaging/adapter'
import { realRuntime } from 'dure/runtime'
import { checkNumbers, inTime, standardError, WAIT_OR_NONE } from 'dure/runtime/internal'
import type { Running, System } from 'dure/service'
import { createLogger } from 'dure/telemetry'
import { takeBatch, type BatchAnswer } from './batch.ts'
import { eventOf, type LambdaEvent } from './events.ts'
import { hostedOf, startHosted } from './hosted.ts'
import type { LambdaOptions } from './options.ts'
import { answerOf, requestOf, TOO_LATE, type HttpAnswer } from './http.ts'

/** What the platform says beside an event. */
export type LambdaContext = {
  readonly awsRequestId: string
  /** Milliseconds until it ends the function. */
  readonly getRemainingTimeInMillis: () => number
}

/** Answers an invocation. It may be invoked while it answers another. */
export type LambdaHandler = {
  /**
   * @throws {TypeError} for an event of another kind
   * @throws {Error} when its services cannot start; the next invocation tries again
   */
  (event: unknown, context: LambdaContext): Promise<HttpAnswer | BatchAnswer | ScheduleAnswer | Record<never, never>>
  /** Starts its services, which the first invocation does otherwise. */
  readonly ready: () => Promise<void>
  readonly stop: () => Promise<void>
}

/** What is still to be done. */
export type ScheduleAnswer = { readonly outbox: number; readonly waiting: number; readonly dead: number }

/** Milliseconds between two looks at what is still to be done. */
const LOOK = 100

/**
 * Makes a function of a system or of some of its services. A request of API Gateway or a function URL is answered by the routes of the
 * contracts, without a socket. An event in the JSON format of CloudEvents, and each message of a batch of SQS, has its effect once: what
 * fails by itself is set aside in the service's store and tried again, and what could not be taken in time, or at all, comes again. Before
 * any answer all that was published is with the broker, since nothing runs after it. An event of a schedule delivers what was left, and
 * tries again what has failed.
 * @throws {SystemError} naming what cannot be in a function
 *
 * @example
 * ```ts
 * import { lambdaHandler } from '@dure/lambda'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { silentLogger } from 'dure/telemetry'
 * import { z } from 'zod'
 *
 * const Greeter = contract('greeter', {
 *   version: '1.0.0',
 *   owner: 'team-greetings',
 *   operations: { greet: query({ input: z.object({ name: z.string() }), output: z.string(), http: 'GET /greetings/{name}' }) },
 * })
 * const greeter = service(Greeter, { handlers: { greet: ({ name }) => `Hello, ${name}` } })
 * const handler = lambdaHandler(system('greetings', { services: [greeter] }), { directory: '.dure', log: silentLogger() })
 *
 * const event = { version: '2.0', rawPath: '/greetings/Sori', requestContext: { http: { method: 'GET' } } }
 * const context = { awsRequestId: '1', getRemainingTimeInMillis: () => 3_000 }
 * console.log(await handler(event, context).then((answer) => 'body' in answer && answer.body)) // → "Hello, Sori"
 * await handler.stop()
 * ```
 */
export function lambdaHandler(system: System, options: LambdaOptions = {}): LambdaHandler {
  const { margin = 500, retrying = 10_000, directory = '/tmp/dure', runtime = realRuntime() } = options
  checkNumbers(
    `run system "${system.name}" as a function`,
    { margin, retrying },
    { margin: WAIT_OR_NONE, retrying: WAIT_OR_NONE },
  )
  const log =
    options.log ?? createLogger({ clock: runtime.clock, write: standardError, level: 'info', fields: { system: system.name } })
  const rest = restInMemory({ limits: { deadline: MOST } })
  const hosted = hostedOf(system, rest.door, options)
  const { timers, clock } = runtime
  let started: Promise<Running> | undefined

  const ready = (): Promise<Running> => {
    started ??= startHosted(hosted, { ...options, runtime, directory }).catch((error: unknown) => {
      started = undefined
      throw error
    })
    return started
  }

  const flush = async (running: Running, left: () => number): Promise<void> => {
    const flushed = running.flush().then(() => true)
    if (await inTime(timers, left(), flushed, () => false)) return
    log.warn('The time of the function is over before all that was published is delivered; the next invocation goes on')
  }

  const answer = async (running: Running, found: LambdaEvent, left: () => number): ReturnType<LambdaHandler> => {
    if (found.kind === 'http') {
      const answered = rest.request(requestOf(found.event, left())).then(answerOf)
      // The door's own deadline comes first, with its own words.
      return inTime(timers, left() + margin / 2, answered, () => TOO_LATE)
    }
    if (found.kind === 'queue')
      return takeBatch(found.records, {
        ...{ take: hosted.take, left, inTime: (work) => inTime(timers, left(), work, () => false) },
        failed: ({ messageId }, error) => log.warn('A message of a batch was not taken; it comes again', { messageId, error }),
      })
    if (found.kind === 'cloudevent') {
      await inTime(timers, left(), hosted.take(cloudEvent(found.event)), () => {
        throw new CallError(
          'DEADLINE_EXCEEDED',
          'Taking an event failed: the time of the function is over; it is to be sent again',
        )
      })
      return {}
    }
    return retry(running, left)
  }

  const retry = async (running: Running, left: () => number): Promise<ScheduleAnswer> => {
    const until = clock.monotonic() + Math.min(retrying, left())
    for (;;) {
      await flush(running, left)
      const open = remaining(await running.status())
      if (open.outbox + open.waiting === 0 || clock.monotonic() >= until) return open
      await timers.sleep(LOOK)
    }
  }

  const handler = async (event: unknown, context: LambdaContext): ReturnType<LambdaHandler> => {
    const found = eventOf(event)
    const left = (): number => Math.max(0, context.getRemainingTimeInMillis() - margin)
    const running = await inTime(timers, left(), ready(), () => undefined)
    if (running === undefined) {
      if (found.kind === 'http') return TOO_LATE
      throw new CallError('DEADLINE_EXCEEDED', 'Starting the function failed: its time is over; the next invocation goes on')
    }
    try {
      return await answer(running, found, left)
    } finally {
      // Nothing runs behind the answer.
      await flush(running, left)
    }
  }
  return Object.assign(handler, {
    ready: async () => void (await ready()),
    stop: async () => {
      const running = await started?.catch(() => undefined)
      started = undefined
      await running?.stop()
    },
  })
}

/** Milliseconds that a platform gives a function at most. */
const MOST = 15 * 60_000

function cloudEvent(event: object): Message {
  const data = JSON.stringify(event)
  const { id = '' } = event as { readonly id?: unknown }
  return decodeMessage('kafka', {
    ...{ topic: 'cloudevent', partition: 0, position: String(id), time: 0, headers: [], data },
    contentType: 'application/cloudevents+json',
  })
}

function remaining({ services }: Awaited<ReturnType<Running['status']>>): ScheduleAnswer {
  const sum = (of: (one: (typeof services)[number]) => number): number => services.reduce((total, one) => total + of(one), 0)
  return { outbox: sum((one) => one.outbox), waiting: sum((one) => one.waiting + one.inHand), dead: sum((one) => one.dead) }
}
