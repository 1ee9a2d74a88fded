/** A stub that answers by interactions, and what a consumer makes of its answers. */
import { isDeepStrictEqual } from 'node:util'
import type { Client } from 'dure/call'
import { CallError, DeclaredError, type AnyContract, type Operations } from 'dure/contract'
import { parserOf } from 'dure/contract/internal'
import { realRuntime } from 'dure/runtime'
import type { Service } from 'dure/service'
import type { Narrow } from 'dure/service/internal'
import { fake, type Fake } from '../component/component.ts'
import { interactionFor, type Checked } from './interaction.ts'
import { noReads, noted } from './reads.ts'
import type { Used, UsedEvent } from './used.ts'

export type Seen = {
  readonly calls: Used[]
  readonly events: UsedEvent[]
  readonly unexpected: readonly string[]
  /** The provider, as it answers. */
  readonly stub: (provider: AnyContract) => Fake
  /** A client of it that notes what is read. */
  readonly client: <K extends AnyContract>(provider: K, client: Client<K>) => Client<K>
  /** Whether the answer to a request is to be cut off, once. */
  readonly takeCut: (correlationId: string) => boolean
}

export function record(interactions: readonly Checked[]): Seen {
  const calls: Used[] = []
  const events: UsedEvent[] = []
  const unexpected: string[] = []
  const cuts = new Set<string>()
  const usedBy = (one: Checked, input: unknown): Used => {
    const known = calls.find(({ interaction }) => interaction === one)
    if (known !== undefined) return known
    const used: Used = { interaction: one, input, reads: noReads(), asked: 0, noted: 0 }
    calls.push(used)
    return used
  }

  const answer = async (operation: string, input: unknown, context: AnsweringContext): Promise<unknown> => {
    const one = interactionFor(interactions, operation, input)
    if (one === undefined) {
      const place = `"${operation}"`
      const words = `The provider was asked ${place} with ${shownInput(input)}, for which it has no interaction`
      if (!unexpected.includes(words) && unexpected.length < 100) unexpected.push(words)
      throw new CallError('UNIMPLEMENTED', words)
    }
    usedBy(one, one.input === undefined ? input : one.input.value).asked++
    if (one.delay > 0) await realRuntime().timers.sleep(one.delay, context.signal)
    switch (one.answer.kind) {
      case 'output':
        return one.output
      case 'error':
        throw one.answer.error
      case 'cut':
        cuts.add(context.correlationId)
        throw new CallError('UNAVAILABLE', `The connection to the provider was cut`)
      case 'hang':
        return new Promise((_resolve, reject) =>
          context.signal.addEventListener('abort', () => reject(new CallError('CANCELLED', 'Nobody waits any more')), {
            once: true,
          }),
        )
    }
  }

  const client = <K extends AnyContract>(provider: K, real: Client<K>): Client<K> => {
    const operations = provider.operations as Operations
    const find = async (operation: string, input: unknown): Promise<Used | undefined> => {
      const parsed = await parserOf(operations[operation]!.input, 'input')(input)
      const one = parsed.ok ? interactionFor(interactions, operation, parsed.value) : undefined
      return one && usedBy(one, input)
    }
    const note = <T>(used: Used | undefined, value: T): T => {
      if (used === undefined) return value
      used.noted++
      return noted(value, used.reads)
    }
    const noteError = (used: Used | undefined, error: unknown): unknown => {
      if (used === undefined || !(error instanceof DeclaredError)) return error
      used.noted++
      return Object.assign(error, { data: noted(error.data, used.reads) })
    }
    return Object.fromEntries(
      Object.entries(operations).map(([name, { kind }]) => {
        const call = (real as Readonly<Record<string, Calling>>)[name]!
        if (kind !== 'query' && kind !== 'command') return [name, call]
        const ask = async (...given: unknown[]): Promise<unknown> => {
          const used = await find(name, given[0])
          try {
            return note(used, await call(...given))
          } catch (error) {
            throw noteError(used, error)
          }
        }
        const attempt = async (...given: unknown[]): Promise<unknown> => {
          const used = await find(name, given[0])
          const attempted = await call.attempt(...given)
          return attempted.ok
            ? { ...attempted, value: note(used, attempted.value) }
            : { ...attempted, error: noteError(used, attempted.error) }
        }
        return [name, Object.assign(ask, { attempt })]
      }),
    ) as Client<K>
  }

  return {
    ...{ calls, events, unexpected, client },
    stub: (provider) =>
      fake(
        provider,
        Object.fromEntries(
          Object.entries(provider.operations as Operations)
            .filter(([, { kind }]) => kind === 'query' || kind === 'command')
            .map(([name]) => [name, (input: unknown, context: AnsweringContext) => answer(name, input, context)]),
        ) as {},
      ),
    takeCut: (id) => cuts.delete(id),
  }
}

type AnsweringContext = { readonly signal: AbortSignal; readonly correlationId: string }
type Attempted = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly error: unknown }
type Calling = ((...given: unknown[]) => Promise<unknown>) & { readonly attempt: (...given: unknown[]) => Promise<Attempted> }

/** The consumer, whose handlers and reactions find the noting client where they find the provider. */
export function recorded(consumer: Service, provider: AnyContract, seen: Seen): Service {
  const names = Object.entries(consumer.needs).flatMap(([name, need]) => (need.name === provider.name ? [name] : []))
  const around = (context: object): object =>
    // Its members are fixed, and one of them is to be another.
    new Proxy(Object.create(null) as object, {
      get: (_target, key) => {
        const value: unknown = Reflect.get(context, key, context)
        if (typeof key === 'symbol') return narrowed(value)
        return names.includes(key) ? seen.client(provider, value as Client<AnyContract>) : value
      },
      has: (_target, key) => Reflect.has(context, key),
    })
  /** What makes other contexts of one, for parts of a composed answer. */
  const narrowed = (value: unknown): unknown => {
    const narrow = value as Narrow | undefined
    return typeof narrow?.to === 'function'
      ? { ...narrow, to: (end: Parameters<Narrow['to']>[0]) => around(narrow.to(end)) }
      : value
  }
  const handlers = Object.entries(consumer.handlers).map(([name, handler]) => {
    const { kind } = (consumer.contract.operations as Operations)[name]!
    const call = handler as (...given: unknown[]) => unknown
    if (kind === 'channel')
      return [name, (input: unknown, incoming: unknown, context: object) => call(input, incoming, around(context))] as const
    return [name, (input: unknown, context: object) => call(input, around(context))] as const
  })
  const reactions = consumer.reactions.map((one) => {
    const received = (event: Parameters<typeof one.handle>[0]): typeof event => {
      const used = seen.events.find((each) => each.event.name === event.type && isDeepStrictEqual(each.data, event.data))
      return used === undefined ? event : { ...event, data: noted(event.data as unknown, used.reads) as never }
    }
    const { prepare, handle } = one
    return {
      ...one,
      prepare: prepare && ((event, context) => prepare(received(event), around(context) as typeof context)),
      handle: (event, context, prepared) => handle(received(event), context, prepared),
    } as typeof one
  })
  return { ...consumer, handlers: Object.fromEntries(handlers) as Service['handlers'], reactions }
}

function shownInput(input: unknown): string {
  const text = JSON.stringify(input, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)) ?? 'nothing'
  return text.length > 200 ? `${text.slice(0, 197)}...` : text
}
