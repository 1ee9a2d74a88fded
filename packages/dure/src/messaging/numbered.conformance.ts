/** What tests of adapters are written with: messages with a number each, and waiting. */
import { CallError, type Message } from '../contract/contract.ts'
import { realRuntime } from '../runtime/runtime.ts'
import type { Broker, Delivery } from './messaging.ts'

const { ids, clock, timers } = realRuntime()

export function numbered(topic: string, key: string, n: number): Message {
  return {
    ...{ id: ids.next(), source: 'test', type: topic, key, time: clock.now(), schemaVersion: 1 },
    ...{ correlationId: 'correlation', causationId: undefined, traceparent: undefined, data: JSON.stringify({ n }) },
  }
}

/** The numbers of a key's messages in the order in which each came for the first time. */
export function firsts(deliveries: readonly Delivery[], key: string): number[] {
  const seen = new Set<string>()
  const numbers: number[] = []
  for (const { message } of deliveries) {
    if (message.key !== key || seen.has(message.id)) continue
    seen.add(message.id)
    numbers.push(numberOf(message))
  }
  return numbers
}

export function numberOf(message: Message): number {
  return (JSON.parse(message.data) as { n: number }).n
}

/** Publishes until it is taken, as the relay of an outbox does. How often it was tried. */
export async function publishAtLast(broker: Broker, messages: readonly Message[]): Promise<number> {
  for (let tries = 1; ; tries++) {
    const taken = await broker.publish(messages).then(
      () => true,
      () => false,
    )
    if (taken) return tries
    await timers.sleep(20)
  }
}

export const range = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Waits for a condition; the case's own timeout is the bound. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  // A timer that keeps the process alive, unlike those of the runtime: a case must not end for want of other work.
  while (!(await condition())) await new Promise((resolve) => void setTimeout(resolve, 2))
}

/** Waits until all that was published and sent is done; a server that comes back and cannot tell yet is asked again. */
export async function caughtUp(broker: Broker): Promise<void> {
  await until(async () => {
    const lags = await broker.lag().catch((error: unknown) => {
      if (error instanceof CallError && error.code === 'UNAVAILABLE') return undefined
      throw error
    })
    return lags?.every(({ lag }) => lag === 0) === true
  })
}
