import type { Running } from '../service.ts'
import { until } from '../rig.test-support.ts'
import { Orders } from './shop.test-support.ts'

const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 10))

/** Orders without end from several lanes; tells what was acknowledged and what failed. */
export function placing(caller: Running) {
  const client = caller.client(Orders)
  const placed: string[] = []
  const failed: unknown[] = []
  let over = false
  const lanes = Array.from({ length: 6 }, async (_, lane) => {
    for (let n = 0; !over; n++) {
      const orderId = `${lane}-${n}`
      await client.place({ orderId, quantity: 1 }).then(
        () => placed.push(orderId),
        async (error: unknown) => {
          failed.push(error)
          await pause()
        },
      )
    }
  })
  return {
    placed,
    failed,
    more: async (count: number): Promise<void> => {
      const before = placed.length
      await until(() => placed.length >= before + count)
    },
    end: async (): Promise<void> => {
      over = true
      await Promise.all(lanes)
    },
  }
}
