/** Answers of a server that are asked for once: two who ask at the same time wait for the same one, and a failure is not kept. */
export type Lookups<Value> = {
  readonly find: (key: string, look: () => Promise<Value>) => Promise<Value>
  /** This is the answer from now on. */
  readonly keep: (key: string, answer: Promise<Value>) => Promise<Value>
  readonly known: (key: string) => Promise<Value> | undefined
  /** Asks afresh the next time. */
  readonly forget: (key: string) => void
}

/**
 * Keeps answers of a server by a name: of topics that are there, of queues that have been made.
 *
 * @example
 * ```ts
 * import { createLookups } from 'dure/messaging/adapter'
 *
 * const partitions = createLookups<number>()
 * const look = async (): Promise<number> => 8
 * console.log(await partitions.find('orders', look), await partitions.find('orders', async () => 9)) // → 8 8
 * ```
 */
export function createLookups<Value>(): Lookups<Value> {
  const answers = new Map<string, Promise<Value>>()
  const keep: Lookups<Value>['keep'] = (key, answer) => {
    answers.set(key, answer)
    answer.catch(() => answers.get(key) === answer && answers.delete(key))
    return answer
  }
  return {
    keep,
    find: (key, look) => answers.get(key) ?? keep(key, look()),
    known: (key) => answers.get(key),
    forget: (key) => void answers.delete(key),
  }
}
