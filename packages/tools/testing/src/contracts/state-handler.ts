import { command, type AnyContract, type AnyOperation } from 'dure/contract'
import type { Service } from 'dure/service'
import type { TestSystem } from '../component/component.ts'

/** Does something as a handler of the service does it: with its context, and so with its own database. */
export type Inside = <T>(work: (context: object) => Promise<T> | T) => Promise<T>

/** A service with one operation more, which only its test can ask. */
export function stateHandler(given: Service): { readonly service: Service; readonly insideOf: (system: TestSystem) => Inside } {
  let work: ((context: object) => unknown) | undefined
  let answer: unknown
  const operations = {
    ...(given.contract.operations as Readonly<Record<string, AnyOperation>>),
    [NAME]: command({ deadline: 60_000 }),
  }
  const contract: AnyContract = { ...given.contract, operations }
  const handler = async (_input: unknown, context: unknown): Promise<void> => {
    answer = await work?.(context as object)
  }
  return {
    service: { ...given, contract, handlers: { ...given.handlers, [NAME]: handler } },
    insideOf: (system) => {
      const client = system.client(contract) as unknown as Readonly<Record<string, () => Promise<void>>>
      return async <T>(next: (context: object) => Promise<T> | T) => {
        let thrown: { readonly error: unknown } | undefined
        work = async (context) => {
          try {
            return await next(context)
          } catch (error) {
            // Callers of a service are not told what its code threw; a test is.
            thrown = { error }
            return undefined
          }
        }
        await client[NAME]!()
        if (thrown !== undefined) throw thrown.error
        return answer as T
      }
    },
  }
}

const NAME = 'bringAboutState'
