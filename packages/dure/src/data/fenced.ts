import { isInstance } from '../contract/internal.ts'
import type { Fence } from './records.ts'

/**
 * A write in an epoch of the past: its partition is another's by now. Whatever was to be done has been left undone, and its
 * owner does it; so nobody tries it again, and nobody counts it as a failure.
 *
 * @example
 * ```ts
 * import { FencedError } from 'dure/data/adapter'
 *
 * const late = new FencedError({ consumer: 'stock/reserve', topic: 'orders', partition: 3, epoch: 7 })
 * console.log(late.message.includes('partition 3 of "orders"')) // → true
 * ```
 */
export class FencedError extends Error {
  override readonly name = 'FencedError'

  constructor({ consumer, topic, partition, epoch }: Fence) {
    super(
      `Writing of consumer "${consumer}" for partition ${partition} of "${topic}" failed: epoch ${epoch} is over, and another member has it. To do: nothing; that one goes on with it`,
    )
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isInstance(value, this)
  }
}
