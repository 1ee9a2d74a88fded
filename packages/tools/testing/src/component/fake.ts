import {
  CallError,
  DeclaredError,
  type AnyContract,
  type AnyOperation,
  type AnySchema,
  type ErrorType,
  type HandlerInput,
  type Issue,
  type Operations,
} from 'dure/contract'
import { parserOf } from 'dure/contract/internal'
import { service, type Handlers, type Service } from 'dure/service'

/** What a fake answers, by operation: what a handler of the real service would. Those that are left out are refused. */
export type Answers<C extends AnyContract> = Partial<Handlers<C, {}, undefined>>

/** A service made from its contract alone, for whoever needs it. */
export type Fake<C extends AnyContract = AnyContract> = {
  readonly contract: C
  /** Inputs of the calls that came to an operation, oldest first; the last 1,000 of them. */
  readonly calls: <K extends keyof C['operations'] & string>(operation: K) => readonly HandlerInput<C['operations'][K]>[]
}

/** What a test system knows of a fake beyond that. */
type Inside = {
  readonly service: Service
  /** Sentences on what it did that its contract does not allow; taken once. */
  readonly takeFaults: () => readonly string[]
}

const MOST = 1_000

const insides = new WeakMap<object, Inside>()

/**
 * Stands in for a service, with nothing but its contract: inputs and answers are held to it, and of errors only those it
 * declares may be thrown. What breaks it, or has no answer, fails the test: `settled` and `stop` tell of it.
 * @throws {TypeError} when an answer is of no operation of the contract
 *
 * @example
 * ```ts
 * import { fake, testSystem } from '@dure/testing'
 * import { contract, query } from 'dure/contract'
 * import { service } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Prices = contract('prices', {
 *   version: '1.0.0',
 *   owner: 'team-prices',
 *   operations: { of: query({ input: z.string(), output: z.int() }) },
 * })
 * const Shop = contract('shop', {
 *   version: '1.0.0',
 *   owner: 'team-shop',
 *   operations: { total: query({ input: z.array(z.string()), output: z.int() }) },
 * })
 * const shop = service(Shop, {
 *   needs: { prices: Prices },
 *   handlers: {
 *     total: async (skus, { prices }) => (await Promise.all(skus.map((sku) => prices.of(sku)))).reduce((a, b) => a + b, 0),
 *   },
 * })
 * const prices = fake(Prices, { of: (sku) => sku.length })
 * await using test = await testSystem(shop, { fakes: [prices] })
 * console.log(await test.client(Shop).total(['tea', 'cup']), prices.calls('of')) // → 6 [ 'tea', 'cup' ]
 * ```
 */
export function fake<C extends AnyContract>(contract: C, answers: Answers<C> = {}): Fake<C> {
  const operations = contract.operations as Operations
  for (const name of Object.keys(answers))
    if (!Object.hasOwn(operations, name))
      throw new TypeError(
        `Cannot fake "${contract.name}": there is an answer to "${name}", and its contract has no such operation; ` +
          `it has ${Object.keys(operations).join(', ') || 'none'}`,
      )
  const calls = new Map<string, unknown[]>()
  let faults: string[] = []
  const fault = (sentence: string): CallError => {
    if (!faults.includes(sentence) && faults.length < MOST) faults.push(sentence)
    return new CallError('INTERNAL', sentence)
  }
  const noted = (name: string, input: unknown): void => {
    const known = calls.get(name) ?? []
    known.push(input)
    if (known.length > MOST) known.shift()
    calls.set(name, known)
  }
  const handlers = Object.entries(operations).map(([name, operation]) => {
    const answer = (answers as Readonly<Record<string, Service['handlers'][string] | undefined>>)[name]
    return [name, handlerOf({ contract, name, operation, answer, noted: (input) => noted(name, input), fault })] as const
  })
  const made: Fake<C> = { contract, calls: (operation) => [...(calls.get(operation) ?? [])] as never }
  insides.set(made, {
    service: service(forgetful(contract), { handlers: Object.fromEntries(handlers) as never }),
    takeFaults: () => {
      const taken = faults
      faults = []
      return taken
    },
  })
  return made
}

export function insideOf(made: Fake): Inside {
  const inside = insides.get(made)
  if (inside === undefined) throw new TypeError('Cannot test with this fake: it was not made by `fake(contract, answers)`')
  return inside
}

/** It has nowhere to remember a key, and a call with one is to be answered all the same. */
function forgetful(contract: AnyContract): AnyContract {
  const operations = Object.entries(contract.operations as Operations).map(([name, operation]) => [
    name,
    // Nor does it have a database, which a key of its operations would need.
    { ...operation, key: undefined, ...(operation.kind === 'command' && { idempotent: true }) },
  ])
  return { ...contract, operations: Object.fromEntries(operations) as Operations }
}

type Answering = {
  readonly contract: AnyContract
  readonly name: string
  readonly operation: AnyOperation
  readonly answer: ((...given: never[]) => unknown) | undefined
  readonly noted: (input: unknown) => void
  readonly fault: (sentence: string) => CallError
}

function handlerOf({ contract, name, operation, answer, noted, fault }: Answering): (...given: never[]) => unknown {
  const parse = parserOf(operation.output, 'output')
  const broke = (how: string): CallError => fault(`The fake of "${contract.name}" broke its contract: ${how}`)

  const ask = (given: readonly never[]): unknown => {
    noted(given[0])
    if (answer !== undefined) return answer(...(given as never[]))
    throw fault(
      `The fake of "${contract.name}" was asked "${name}" and has no answer to it; ` +
        `give it one: fake(…, { ${name}: (input) => … })`,
    )
  }
  const allowed = async (value: unknown): Promise<unknown> => {
    const parsed = await parse(value)
    if (parsed.ok) return value
    throw broke(`its answer to "${name}" does not match the output${firstOf(parsed.issues)}`)
  }
  const allowedError = (thrown: unknown): unknown => {
    if (!(thrown instanceof DeclaredError)) return thrown
    const declared = Object.values(operation.errors as Readonly<Record<string, ErrorType<string, AnySchema | undefined>>>).map(
      ({ code }) => code,
    )
    if (declared.includes(thrown.code)) return thrown
    const known = declared.length === 0 ? 'none' : declared.map((code) => `"${code}"`).join(', ')
    return broke(`"${name}" threw the error "${thrown.code}", which it does not declare; it declares ${known}`)
  }

  if (operation.kind === 'stream' || operation.kind === 'channel')
    return async function* (...given: never[]) {
      try {
        for await (const value of ask(given) as AsyncIterable<unknown>) yield await allowed(value)
      } catch (error) {
        throw allowedError(error)
      }
    }
  return async (...given) => {
    try {
      return await allowed(await ask(given))
    } catch (error) {
      throw allowedError(error)
    }
  }
}

function firstOf([first]: readonly Issue[]): string {
  if (first === undefined) return ''
  const where = first.path.length === 0 ? '' : ` at "${first.path.join('.')}"`
  return `${where}: ${first.message}`
}
